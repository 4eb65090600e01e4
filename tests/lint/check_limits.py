"""Size and complexity: functions of at most 60 lines and 15 paths, files of at most 600 lines.

A function or file may be longer where a comment says why: `limits: REASON` on the line before the function
or in it, or in the first 20 lines of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import lizard

from source import complaint, files, main

FUNCTION_LINES = 60
FUNCTION_PATHS = 15
FILE_LINES = 600
FILE_HEAD = 20
PLACES = [("src", (".c", ".h", ".py")), ("python", (".py",)), ("tests", (".c", ".h", ".py"))]
WAIVER = re.compile(r"(/\*|//|#)\s*limits: \S+")


def is_waived(lines: list[str], start: int, end: int) -> bool:
    """True where one of the lines START to END (counted from 1) has the comment."""
    return any(WAIVER.search(line) for line in lines[max(start - 1, 0) : end])


def check_file(root: Path, path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_LINES and not is_waived(lines, 1, FILE_HEAD):
        yield complaint(root, path, 1, f"{len(lines)} lines, more than {FILE_LINES}")
    for function in lizard.analyze_file(str(path)).function_list:
        start, end = function.start_line, function.end_line
        if is_waived(lines, start - 1, end):
            continue
        if end - start + 1 > FUNCTION_LINES:
            length = end - start + 1
            yield complaint(
                root, path, start, f"{function.name} has {length} lines, more than {FUNCTION_LINES}"
            )
        if function.cyclomatic_complexity > FUNCTION_PATHS:
            paths = function.cyclomatic_complexity
            yield complaint(
                root, path, start, f"{function.name} has {paths} paths, more than {FUNCTION_PATHS}"
            )


def check(root: Path) -> Iterator[str]:
    for folder, suffixes in PLACES:
        for path in files(root, folder, *suffixes):
            yield from check_file(root, path)


if __name__ == "__main__":
    main(check)
