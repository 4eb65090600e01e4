"""The floors of src/server: who may include whom, and which outside headers each half may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from source import complaint, files, main

# A folder includes its own files and these.
MAY_INCLUDE: dict[str, set[str]] = {
    "base": set(),
    "channel": {"base"},
    "supervisor": {"base", "channel"},
    "python": {"base", "channel"},
    "wsgi": {"base", "python"},
    "asgi": {"base", "python"},
    "host": {"base", "channel", "python", "wsgi", "asgi"},
    "embed": {"base", "channel", "python", "wsgi", "asgi"},
    "apache": {"base", "channel", "supervisor"},
    "mod_pywsgi.c": {"apache"},
}
SEES_PYTHON = {"python", "wsgi", "asgi", "host", "embed"}
SEES_HTTPD = {"apache", "mod_pywsgi.c"}

PYTHON_HEADER = re.compile(
    r"(Python|structmember|frameobject|datetime|marshal)\.h$|^(cpython|internal)/"
)
HTTPD_HEADER = re.compile(
    r"^(httpd|http_\w+|ap_\w+|apr\w*|util_\w+|mod_\w+|mpm_common|scoreboard|unixd|heartbeat|os|provider)\.h$"
)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')

# The one file that takes and gives the GIL, and what no other names.
THREAD_STATE_FILE = "python/pyw_gil.c"
THREAD_STATE = re.compile(
    r"\b(PyGILState_\w+|PyThreadState_\w+|PyEval_(SaveThread|RestoreThread|AcquireThread|ReleaseThread)"
    r"|Py_(BEGIN|END)_ALLOW_THREADS|Py_(UN)?BLOCK_THREADS)\b"
)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def floor_of(relative: Path) -> str:
    return relative.parts[0]


def quoted_include(floor: str, header: str, server: Path) -> str | None:
    """What is wrong with including our own HEADER on FLOOR; None where nothing is."""
    target = header.split("/", 1)[0]
    if "/" not in header or not (server / header).is_file():
        return (
            f'"{header}" is no file of src/server; includes name the folder, as in "base/frame.h"'
        )
    if target not in MAY_INCLUDE.get(floor, set()) | {floor}:
        return f'{floor} may not include "{header}": {target}/ is not below it'
    return None


def system_include(floor: str, header: str) -> str | None:
    """What is wrong with including <HEADER> on FLOOR; None where nothing is."""
    if PYTHON_HEADER.search(header) and floor not in SEES_PYTHON:
        return f"{floor} may not include <{header}>: only the Python half knows Python"
    if HTTPD_HEADER.search(header) and floor not in SEES_HTTPD:
        return f"{floor} may not include <{header}>: only apache/ knows httpd and APR"
    return None


def without_comments(text: str) -> str:
    """TEXT with comments and strings emptied, its lines where they were."""
    return COMMENT_OR_STRING.sub(lambda match: "\n" * match.group().count("\n"), text)


def check_file(root: Path, path: Path) -> Iterator[str]:
    server = root / "src/server"
    relative = path.relative_to(server)
    floor = floor_of(relative)
    text = path.read_text(encoding="utf-8")
    if floor not in MAY_INCLUDE:
        yield complaint(
            root, path, 1, f"{floor} is no floor; tests/lint/check_floors.py lists them"
        )
        return
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            kind, header = match.groups()
            wrong = (
                quoted_include(floor, header, server)
                if kind == '"'
                else system_include(floor, header)
            )
            if wrong:
                yield complaint(root, path, number, wrong)
    if relative.as_posix() != THREAD_STATE_FILE:
        for number, line in enumerate(without_comments(text).splitlines(), 1):
            if match := THREAD_STATE.search(line):
                yield complaint(
                    root, path, number, f"only {THREAD_STATE_FILE} names {match.group()}"
                )


def check(root: Path) -> Iterator[str]:
    for path in files(root, "src/server", ".c", ".h"):
        yield from check_file(root, path)


if __name__ == "__main__":
    main(check)
