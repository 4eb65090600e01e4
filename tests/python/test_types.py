"""Values of options: what each type takes and how it refuses the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi import types
from mod_pywsgi.types import Kind

GOOD: list[tuple[Kind[Any], tuple[str, ...], Any]] = [
    (types.FLAG, (), True),
    (types.FLAG, ("off",), False),
    (types.FLAG, ("YES",), True),
    (types.PORT, ("8000",), 8000),
    (types.COUNT, ("1",), 1),
    (types.SECONDS, ("0",), 0),
    (types.SIZE, ("10485760",), 10485760),
    (types.NAME, ("application",), "application"),
    (types.HOST, ("[::1]",), "::1"),
    (types.HOST, ("127.0.0.1",), "127.0.0.1"),
    (types.URL_PATH, ("/",), "/"),
    (types.URL_PATH, ("//a//b/",), "/a/b"),
    (types.REQUEST_PATH, ("/health/?full=1",), "/health/?full=1"),
    (types.FILE, ("/etc/../etc/hosts",), Path("/etc/../etc/hosts")),
    (types.ALIAS, ("/static/", "/srv/static"), ("/static/", Path("/srv/static"))),
    (types.VARIABLE, ("KEY", "a value = 1"), ("KEY", "a value = 1")),
    (types.LEVEL, ("INFO",), "info"),
    (types.LEVEL, ("wsgi:trace3",), "wsgi:trace3"),
    (types.choice("a", "b"), ("b",), "b"),
]

BAD: list[tuple[Kind[Any], tuple[str, ...], str]] = [
    (types.FLAG, ("perhaps",), "on or off"),
    (types.PORT, ("0",), "between 1 and 65535"),
    (types.PORT, ("70000",), "between 1 and 65535"),
    (types.PORT, ("http",), "whole number"),
    (types.COUNT, ("0",), "between 1"),
    (types.SECONDS, ("-1",), "0 or more"),
    (types.SECONDS, ("1.5",), "whole number"),
    (types.NAME, ("a.b",), "Python name"),
    (types.NAME, ("os;exit",), "Python name"),
    (types.HOST, ("a b",), "host name"),
    (types.URL_PATH, ("static",), "begins with '/'"),
    (types.URL_PATH, ("/a\nb",), "line break"),
    (types.REQUEST_PATH, ("health",), "begins with '/'"),
    (types.REQUEST_PATH, ("/a b",), "as %XX"),
    (types.REQUEST_PATH, ("/a#b",), "path of a URL"),
    (types.REQUEST_PATH, ("/ä",), "as %XX"),
    (types.REQUEST_PATH, ("/a\n",), "path of a URL"),
    (types.FILE, ("",), "not be empty"),
    (types.FILE, ("/a\0b",), "NUL"),
    (types.VARIABLE, ("A B", "x"), "name a variable"),
    (types.VARIABLE, ("A", "x\ny"), "line break"),
    (types.LEVEL, ("loud",), "must be one of"),
    (types.choice("a", "b"), ("c",), "must be one of a, b"),
]


@pytest.mark.parametrize(("kind", "words", "value"), GOOD)
def test_parses(kind: Kind[Any], words: tuple[str, ...], value: Any) -> None:
    assert kind.parse(words) == value


@pytest.mark.parametrize(("kind", "words", "reason"), BAD)
def test_refuses(kind: Kind[Any], words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind.parse(words)


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("a", True), ("a.b_c", True), ("", False), ("a.", False), ("a-b", False), ("1a", False)],
)
def test_module_names(text: str, is_name: bool) -> None:
    assert types.is_module_name(text) is is_name
