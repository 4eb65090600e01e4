"""What a client is shown of an exception."""

from __future__ import annotations

import json
import linecache
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime.debug import page


def caught(source: str = "raise ValueError('<b>')", path: Path | None = None) -> BaseException:
    name = str(path) if path else "<source>"
    if path:
        path.write_text(source)
        linecache.checkcache(name)
    try:
        exec(compile(source, name, "exec"), {"__name__": "application"})
    except Exception as error:
        return error
    raise AssertionError


def html(error: BaseException, **environ: Any) -> str:
    headers, body = page.answer(error, {"HTTP_ACCEPT": "text/html", **environ}, "It failed")
    assert dict(headers)["Content-Length"] == str(len(body))
    assert dict(headers)["Content-Type"] == "text/html; charset=utf-8"
    return body.decode()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("*/*", "text"),
        ("", "text"),
        ("text/plain", "text"),
        ("application/json", "json"),
        ("application/problem+json, */*", "json"),
    ],
)
def test_kind(accept: str, kind: str) -> None:
    assert page.kind_for(accept) == kind


def test_everything_is_escaped() -> None:
    text = html(caught(), PATH_INFO="/<script>", **{"X<y": '"<i>'})
    assert "<b>" not in text and "&lt;b&gt;" in text
    assert "<script>" not in text and "/&lt;script&gt;" in text
    assert "<i>" not in text and "X&lt;y" in text


def test_source_around_the_line(tmp_path: Path) -> None:
    source = "".join(f"line = {number}\n" for number in range(1, 9)) + "1 / 0\nafter = 1\n"
    text = html(caught(source, tmp_path / "it.py"))
    assert '<span class="hit">    9  1 / 0</span>' in text
    assert "line = 5" in text and "after = 1" in text
    assert "line = 4" not in text
    assert f"{tmp_path}/it.py:9" in text


def test_syntax_error_shows_the_file(tmp_path: Path) -> None:
    error = caught("x = 1\ndef f(:\n", tmp_path / "wrong.py")
    assert '<span class="hit">    2  def f(:</span>' in html(error)


def test_chain_of_exceptions() -> None:
    source = (
        "try:\n 1 / 0\nexcept Exception as x:\n"
        " try:\n  raise KeyError('k') from x\n except Exception:\n  raise OSError('o')"
    )
    text = html(caught(source))
    assert "While this was handled: KeyError" in text
    assert "Caused by: ZeroDivisionError" in text
    circle = ValueError("a")
    circle.__cause__ = circle
    assert "ValueError" in html(circle)


def test_exception_that_cannot_be_shown() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "(it cannot be shown)" in html(Odd())


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_COOKIE",
        "HTTP_AUTHORIZATION",
        "DB_PASSWORD",
        "API_KEY",
        "django.session",
        "X_AUTH_TOKEN",
    ],
)
def test_secrets_are_masked(name: str) -> None:
    assert "hunter2" not in html(caught(), **{name: "hunter2"})
    assert page.shown(name, "") == ""


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("HTTP_HOST", "monkey.example", "monkey.example"),
        ("AUTH_TYPE", "Basic", "Basic"),
        ("wsgi.version", (1, 0), "(1, 0)"),
        ("DATABASE_URL", "postgres://me:hunter2@db/x", "postgres://me:••••••@db/x"),
        ("QUERY_STRING", "a=1&access_token=hunter2&b=2", "a=1&access_token=••••••&b=2"),
        ("REQUEST_URI", "/x?key=hunter2", "/x?key=••••••"),
        ("LONG", "x" * 3000, "x" * 2000 + "… (3000 characters)"),
    ],
)
def test_values(name: str, value: object, shown: str) -> None:
    assert page.shown(name, value) == shown


def test_text_and_json() -> None:
    headers, body = page.answer(caught(), {}, "It failed")
    assert dict(headers)["Content-Type"] == "text/plain; charset=utf-8"
    assert body.startswith(b"It failed\n\nTraceback") and body.endswith(b"ValueError: <b>\n")
    _, body = page.answer(caught(), {"HTTP_ACCEPT": "application/json"}, "It failed")
    told = json.loads(body)
    assert (told["title"], told["type"], told["message"]) == ("It failed", "ValueError", "<b>")
    assert told["traceback"][-1] == "ValueError: <b>"


def test_frames_of_the_server_are_left_out() -> None:
    from mod_pywsgi.runtime import loaders

    with pytest.raises(ModuleNotFoundError) as caught_error:
        loaders.load_module("no_module_of_that_name")
    trace = caught_error.value.__traceback__
    assert trace is not None
    assert page.own_part(trace.tb_next) is trace.tb_next  # nothing but the server's: all of it
    assert page.own_part(trace) is trace
