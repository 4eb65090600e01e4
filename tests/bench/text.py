"""Tables as text, for a terminal and for a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

Line = Sequence[str]


def aligned(header: Line, lines: Sequence[Line]) -> list[str]:
    """The first column to the left, the others to the right, each as wide as it must be."""
    table = [header, *lines]
    widths = [max(len(line[column]) for line in table) for column in range(len(header))]
    found = []
    for line in table:
        name, *numbers = (word.rjust(width) for word, width in zip(line, widths, strict=True))
        found.append("  " + "  ".join([name.strip().ljust(widths[0]), *numbers]))
    return found


def markdown(header: Line, lines: Sequence[Line]) -> list[str]:
    return [_piped(header), _piped(["---"] * len(header)), *(_piped(line) for line in lines)]


def _piped(words: Line) -> str:
    return "| " + " | ".join(word.replace("|", "\\|") for word in words) + " |"
