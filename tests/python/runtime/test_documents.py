"""What the application is told where the document root is asked first, and scripts for files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime.documents import mounted
from mod_pywsgi.runtime.resources import Resources


def told(mount: str, script: str, path: str, name: str | None = None) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO, where Apache has found a file `script` in the URL."""
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], _start_response: object) -> list[bytes]:
        seen.update(environ)
        return []

    environ = {"SCRIPT_NAME": script if name is None else name, "PATH_INFO": path}
    own = {"mod_wsgi.script_name": script, "mod_wsgi.path_info": path}
    assert list(mounted(application, mount)({**environ, **own}, lambda *_: None)) == []
    return seen["SCRIPT_NAME"], seen["PATH_INFO"]


@pytest.mark.parametrize(
    ("mount", "script", "path", "expected"),
    [
        ("/", "/a", "/b", ("", "/a/b")),
        ("/", "/", "", ("", "/")),
        ("/", "", "/", ("", "/")),
        ("/app", "/app", "", ("/app", "")),
        ("/app", "/app", "/b/c", ("/app", "/b/c")),
        ("/app/x", "/app", "/x/y", ("/app/x", "/y")),
        ("/app", "/app/", "", ("/app", "/")),
    ],
)
def test_paths(mount: str, script: str, path: str, expected: tuple[str, str]) -> None:
    assert told(mount, script, path) == expected
    assert told(mount, script, path, "/outer") == ("/outer", expected[1])


class Answers:
    """What a script has answered."""

    def __init__(self) -> None:
        self.status = ""

    def __call__(self, status: str, _headers: object) -> None:
        self.status = status


def ask(resources: Resources, file: Path) -> tuple[str, bytes]:
    start = Answers()
    body = b"".join(resources.answer({"SCRIPT_FILENAME": str(file)}, start))
    return start.status, body


def script(path: Path, name: str, text: str) -> str:
    path.write_text(
        f"def {name}(environ, start_response):\n"
        f"    start_response('200 OK', [])\n    return [{text.encode()!r}]\n"
    )
    return str(path)


def test_resources(tmp_path: Path) -> None:
    handles = script(tmp_path / "one.py", "handle_request", "one")
    applies = script(tmp_path / "two.py", "application", "two")
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    resources = Resources({".gz": applies, ".tar.gz": handles, ".br": str(broken)})
    for name in ("a.gz", "a.tar.gz", "a.br", "a.txt"):
        (tmp_path / name).touch()
    assert ask(resources, tmp_path / "a.gz") == ("200 OK", b"two")
    assert ask(resources, tmp_path / "a.tar.gz") == ("200 OK", b"one")
    assert ask(resources, tmp_path / "none.gz")[0] == "404 Not Found"
    assert ask(resources, tmp_path / "a.txt")[0] == "404 Not Found"
    assert not resources.is_outdated("")
    with pytest.raises(ZeroDivisionError):
        ask(resources, tmp_path / "a.br")
    assert not resources.is_outdated("")
    os.utime(broken, (1, 1))
    assert resources.is_outdated("")
