"""Apache's configuration files as lines: joined, numbered, split into words. Nothing is changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_WORD = re.compile(
    r"""\s*(?: "((?:\\.|[^"\\])*)"? | '((?:\\.|[^'\\])*)'? | (\S+) )""", re.DOTALL | re.VERBOSE
)
_OPTION = re.compile(
    r"""\s*([^=\s"']+)=(?: "((?:\\.|[^"\\])*)"? | '((?:\\.|[^'\\])*)'? | (\S*) )""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Line:
    """One directive or opening of a section, which may span lines of the file.

    :param number: its first line in the file, from 1.
    :param count: how many lines of the file it spans.
    :param indent: white space in front of it.
    :param name: the directive, or the section's name without ``<``.
    :param arguments: the rest, without the ``>`` of a section.
    """

    path: Path
    number: int
    count: int
    indent: str
    name: str
    arguments: str
    is_section: bool = False

    def words(self) -> list[str]:
        """The arguments without their quotes."""
        return [_unquoted(match, 1) for match in _WORD.finditer(self.arguments.rstrip())]

    def __str__(self) -> str:
        text = f"{self.name} {self.arguments}".rstrip()
        return f"<{text}>" if self.is_section else text


def _unquoted(match: re.Match[str], first: int) -> str:
    quoted = match[first] if match[first] is not None else match[first + 1]
    if quoted is None:
        return match[first + 2]
    return re.sub(r"\\(.)", lambda escape: escape[1] if escape[1] in "\\\"'" else escape[0], quoted)


def options(text: str) -> tuple[list[tuple[str, str]], str]:
    """``name=value`` pairs at the head of a text, and what follows that is none."""
    found = []
    position = 0
    while match := _OPTION.match(text, position):
        found.append((match[1], _unquoted(match, 2)))
        position = match.end()
    return found, text[position:].strip()


def split(text: str) -> list[str]:
    """The lines of a file, each with its end. Apache ends lines at line feeds alone."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return ended + ([lines[-1]] if lines[-1] else [])


def _joined(text: str) -> Iterator[tuple[int, int, str]]:
    """Number, count and text of each line; a backslash at its end joins it with the next."""
    parts: list[str] = []
    start = 1
    for number, raw in enumerate(split(text), 1):
        line = raw.removesuffix("\n").removesuffix("\r")
        parts.append(line)
        if line.endswith("\\"):
            parts[-1] = line[:-1]
            continue
        yield start, len(parts), "".join(parts)
        start, parts = number + 1, []
    if parts:
        yield start, len(parts), "".join(parts)


def read(path: Path, text: str) -> Iterator[Line]:
    """Every directive and opening of a section; no comments, no ends of sections."""
    for number, count, joined in _joined(text):
        stripped = joined.strip()
        if not stripped or stripped.startswith(("#", "</")):
            continue
        indent = joined[: len(joined) - len(joined.lstrip())]
        is_section = stripped.startswith("<")
        if is_section:
            stripped = stripped[1:].rstrip(">").rstrip()
        name, _, arguments = re.sub(r"\s", " ", stripped, count=1).partition(" ")
        yield Line(path, number, count, indent, name, arguments.strip(), is_section)
