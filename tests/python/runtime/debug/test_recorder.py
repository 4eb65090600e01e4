"""Requests and responses in files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime.debug.recorder import Recorder


def run(application: Callable[..., Any], directory: Path, body: bytes = b"") -> list[bytes]:
    """As a server does."""
    written: list[bytes] = []
    environ = {"wsgi.input": io.BytesIO(body), "REQUEST_METHOD": "POST", "HTTP_COOKIE": "a=b"}
    result = Recorder(application, str(directory))(environ, lambda *_: written.append)
    try:
        written.extend(result)
    finally:
        result.close()
    return written


def files(directory: Path) -> dict[str, bytes]:
    return {path.suffix[1:]: path.read_bytes() for path in directory.iterdir()}


def test_request_and_response(tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        write = start_response("201 Created", [("X", "é")])
        write(b"one ")
        source = environ["wsgi.input"]
        yield source.read(2) + source.readline() + b"".join(source.readlines())
        yield b"".join(source)

    body = b"abcd\nef\ngh"
    assert b"".join(run(application, tmp_path, body)) == b"one " + body
    found = files(tmp_path)
    assert set(found) == {"iheaders", "icontent", "oheaders", "ocontent"}
    assert found["icontent"] == body
    assert found["ocontent"] == b"one " + body
    assert json.loads(found["iheaders"])["HTTP_COOKIE"] == "a=b"
    assert json.loads(found["oheaders"]) == {"status": "201 Created", "headers": [["X", "é"]]}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_only_what_is_read_is_kept(tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(3)]

    run(application, tmp_path, b"abcdef")
    assert files(tmp_path)["icontent"] == b"abc"


def test_names_are_unique(tmp_path: Path) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x"]

    recorder = Recorder(application, str(tmp_path))
    for _ in range(3):
        recorder({"wsgi.input": io.BytesIO()}, lambda *_: None).close()
    assert len(list(tmp_path.glob("*.iheaders"))) == 3


class Closing:
    def __init__(self, at: str) -> None:
        self.at = at

    def __iter__(self) -> Iterator[bytes]:
        yield b"x"
        if self.at == "reading":
            raise KeyError(self.at)

    def close(self) -> None:
        if self.at == "closing":
            raise KeyError(self.at)


@pytest.mark.parametrize(
    ("at", "ending"),
    [("calling", "oaexcept"), ("reading", "orexcept"), ("closing", "ofexcept")],
)
def test_exceptions(tmp_path: Path, at: str, ending: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Closing:
        if at == "calling":
            raise KeyError(at)
        return Closing(at)

    with pytest.raises(KeyError):
        run(application, tmp_path)
    found = files(tmp_path)
    assert {name for name in found if name.endswith("except")} == {ending}
    assert f"KeyError: '{at}'".encode() in found[ending]
