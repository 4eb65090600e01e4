"""A flame graph as an SVG that needs nothing else: no script, no font, no network.

The width of a box is the time that a function and all it called took, its place what called
it. The pointer over a box shows the whole name and the times.
"""

import hashlib
from collections.abc import Iterable, Mapping
from html import escape

# Where code is: what to show on a box, and where its source is.
Step = tuple[str, str]
Stacks = Mapping[tuple[Step, ...], float]  # outermost first; seconds

_WIDTH = 1200
_HEIGHT = 18  # of a box
_MARGIN = 10
_HEAD = 52  # above the boxes
_LETTER = 6.6  # width of a character of the font
_SMALLEST = 0.4  # narrower boxes are left out
_STYLE = (
    "text{font:11px ui-monospace,monospace;fill:#111;pointer-events:none}"
    ".h{font-size:15px}.s{fill:#555}g:hover rect{stroke:#111;stroke-width:1.5}"
)


class _Box:
    """A function where it was called from; its children are what it called."""

    __slots__ = ("children", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.children: dict[Step, _Box] = {}


def svg(stacks: Stacks, title: str, notes: Iterable[str]) -> str:
    """The picture, the root at the bottom.

    :param notes: a line below the title.
    """
    root = _tree(stacks)
    depth = _depth(root)
    height = _HEAD + depth * _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fffdf8"/>',
        f'<text class="h" x="{_MARGIN}" y="24">{_text(title)}</text>',
        f'<text class="s" x="{_MARGIN}" y="42">{_text(" · ".join(notes))}</text>',
    ]
    if root.seconds > 0:
        scale = (_WIDTH - 2 * _MARGIN) / root.seconds
        floor = height - _MARGIN - _HEIGHT
        _draw(parts, ("all", ""), root, float(_MARGIN), floor, scale, root.seconds)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _tree(stacks: Stacks) -> _Box:
    root = _Box()
    for stack, seconds in stacks.items():
        box = root
        box.seconds += seconds
        for step in stack:
            box = box.children.setdefault(step, _Box())
            box.seconds += seconds
    return root


def _depth(box: _Box) -> int:
    """Levels, without recursion: stacks may be deeper than Python's own limit."""
    level, depth = [box], 0
    while level:
        depth += 1
        level = [child for parent in level for child in parent.children.values()]
    return depth


def _draw(
    parts: list[str], step: Step, root: _Box, x: float, floor: float, scale: float, total: float
) -> None:
    todo = [(step, root, x, floor)]
    while todo:
        step, box, x, y = todo.pop()
        width = box.seconds * scale
        if width < _SMALLEST:
            continue
        parts.append(_box(step, box.seconds, x, y, width, total))
        for child_step, child in sorted(box.children.items()):
            todo.append((child_step, child, x, y - _HEIGHT))
            x += child.seconds * scale


def _box(step: Step, seconds: float, x: float, y: float, width: float, total: float) -> str:
    label, place = step
    letters = int((width - 6) / _LETTER)
    shown = label if len(label) <= letters else f"{label[: letters - 1]}…" if letters > 2 else ""
    told = f"{label}\n{place}\n{seconds * 1000:,.1f} ms, {seconds / total:.1%}"
    return (
        f"<g><title>{_text(told)}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.5, 0.3):.1f}" height="{_HEIGHT - 1}"'
        f' rx="2" fill="{_color(label)}"/>'
        f'<text x="{x + 3:.1f}" y="{y + 12.5:.1f}">{_text(shown)}</text></g>'
    )


def _color(label: str) -> str:
    """Warm, the same for all functions of a top-level package."""
    digest = hashlib.sha256(label.partition(".")[0].encode("utf-8", "replace")).digest()
    return f"hsl({digest[0] * 55 // 255},{70 + digest[1] % 25}%,{62 + digest[2] % 14}%)"


def _text(text: str) -> str:
    """For an XML document, which has no control characters."""
    printable = "".join(
        letter if letter.isprintable() or letter == "\n" else "�" for letter in text
    )
    return escape(printable, quote=True).encode("utf-8", "replace").decode()
