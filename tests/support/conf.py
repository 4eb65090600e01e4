"""Writing Apache configuration: quoting and nesting, nothing else.

`Conf` is for text that is put together by a program. A test that wants fixed text writes a
string with @TOKENS@, which `HttpdInstance` fills in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

_BARE = re.compile(r"[A-Za-z0-9_./:%{}+=*,@-]+\Z")


def quote(value: object) -> str:
    """One word of a directive, in quotes only where it needs them."""
    text = str(value)
    if "\n" in text or "\0" in text:
        raise ValueError(f"no line of a configuration can hold {text!r}")
    if "${" in text:
        raise ValueError(f"httpd would expand {text!r}")
    if _BARE.match(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Conf:
    """Lines of configuration, indented by section."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def add(self, name: str, *words: object) -> Conf:
        """One directive; its words are quoted."""
        self._put(" ".join([name, *map(quote, words)]))
        return self

    def raw(self, text: str) -> Conf:
        """Lines as they are."""
        for line in text.splitlines():
            self._put(line.rstrip())
        return self

    @contextmanager
    def section(self, name: str, *words: object) -> Iterator[Conf]:
        self._put("<" + " ".join([name, *map(quote, words)]) + ">")
        self._depth += 1
        yield self
        self._depth -= 1
        self._put(f"</{name}>")

    def _put(self, line: str) -> None:
        self._lines.append(("    " * self._depth + line).rstrip())

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"
