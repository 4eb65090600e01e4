"""What the lints share: the tree they look at, and how they report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(root: Path, folder: str, *suffixes: str) -> Iterator[Path]:
    """The files below ROOT/FOLDER that end in one of SUFFIXES, in a fixed order."""
    for path in sorted((root / folder).rglob("*")):
        if path.suffix in suffixes and path.is_file():
            yield path


def complaint(root: Path, path: Path, line: int, text: str) -> str:
    return f"{path.relative_to(root)}:{line}: {text}"


def main(check: Callable[[Path], Iterable[str]]) -> None:
    """Print what CHECK complains of, in the tree given as argument or in ours, and exit."""
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    complaints = list(check(root))
    for text in complaints:
        print(text)
    sys.exit(1 if complaints else 0)
