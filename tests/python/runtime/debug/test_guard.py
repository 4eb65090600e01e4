"""What stands between the server and an application in debug mode."""

from __future__ import annotations

import bdb
import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mod_pywsgi.runtime.debug import console
from mod_pywsgi.runtime.debug.guard import Guard


class Server:
    """One request, as a server makes it."""

    def __init__(self, guard: Guard) -> None:
        self.log = io.StringIO()
        self.starts: list[tuple[Any, ...]] = []
        self.body: list[bytes] = []
        result = guard({"wsgi.errors": self.log}, self.start_response)
        try:
            self.body += result
        finally:
            if hasattr(result, "close"):
                result.close()

    def start_response(self, *arguments: Any) -> Callable[[bytes], Any]:
        self.starts.append(arguments)
        return self.body.append

    @property
    def status(self) -> str:
        return str(self.starts[-1][0])


class Noted:
    """A tool that counts."""

    def __init__(self) -> None:
        self.entered = self.left = 0

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        self.entered += 1
        try:
            yield
        finally:
            self.left += 1


def guard(application: Callable[..., Any], *tools: Any, **more: Any) -> Guard:
    return Guard(lambda: application, tools, **{"has_debugger": False, **more})


def test_a_response_passes() -> None:
    tool = Noted()
    whole = [b"a", b"b"]
    made = guard(lambda e, s: (s("200 OK", []), whole)[1], tool)
    assert made({}, lambda *_: None) is whole
    assert tool.entered == tool.left == 2  # loading, calling


def test_a_generator_is_run_inside() -> None:
    tool = Noted()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        yield b"b"

    assert Server(guard(application, tool)).body == [b"a", b"b"]
    assert tool.entered == tool.left == 1 + 1 + 3 + 1  # loading, calling, reading, closing


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_exception_when_called(kind: type[BaseException]) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise kind("why")

    server = Server(guard(application))
    assert server.status == "500 Internal Server Error"
    assert server.starts[-1][2][0] is kind  # which lets the server take the new headers
    assert b"The request failed" in server.body[0] and b"why" in server.body[0]
    assert "why" in server.log.getvalue() and "debug/guard.py" not in server.log.getvalue()


def test_exception_before_the_first_piece() -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        raise ValueError("why")

    server = Server(guard(application))
    assert server.status == "500 Internal Server Error"
    assert b"why" in b"".join(server.body)


@pytest.mark.parametrize("by_write", [True, False])
def test_exception_when_it_is_too_late(by_write: bool) -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [])
        if by_write:
            write(b"one")
        else:
            yield b"one"
        raise ValueError("why")

    with pytest.raises(ValueError):  # the server logs it and cuts the response
        Server(guard(application))


def test_exception_when_closed() -> None:
    class Result:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            raise ValueError("why")

    with pytest.raises(ValueError):
        Server(guard(lambda e, s: (s("200 OK", []), Result())[1]))


def test_import_is_tried_again() -> None:
    results: list[Any] = [ImportError("one"), ImportError("two"), lambda e, s: [b"served"]]

    def load() -> Any:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    made = Guard(load, (), has_debugger=False)
    with pytest.raises(ImportError):
        made.load()
    server = Server(made)
    assert server.status.startswith("500") and b"could not be loaded" in server.body[0]
    assert Server(made).body == [b"served"]
    assert Server(made).body == [b"served"]


def test_the_debugger_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[BaseException] = []
    monkeypatch.setattr(console, "post_mortem", asked.append)
    monkeypatch.setattr(console, "has_terminal", lambda: True)

    def application(environ: Any, start_response: Any) -> Any:
        raise ValueError("why")

    Server(guard(application))
    assert asked == []
    Server(guard(application, has_debugger=True))
    assert [str(error) for error in asked] == ["why"]


def test_the_debugger_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[BaseException] = []
    monkeypatch.setattr(console, "post_mortem", asked.append)
    monkeypatch.setattr(console, "has_terminal", lambda: True)

    def application(environ: Any, start_response: Any) -> Any:
        raise bdb.BdbQuit

    server = Server(guard(application, has_debugger=True))
    assert server.body == [b"The request was ended: its debugger was left.\n"]
    assert "Traceback" not in server.log.getvalue()
    assert asked == []
