"""interpreters=: what is said where it cannot be, and that the group then runs with one."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from support import inline
from support.httpd import HttpdInstance

CONF = """
WSGIDaemonProcess web {options}
WSGIProcessGroup web
WSGIScriptAlias /inline @APPS@/inline/wsgi.py application-group={group}
"""

Start = Callable[..., HttpdInstance]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("interpreters=0", "give a whole number from 1 to 256"),
        ("interpreters=5 threads=4", "'web': each of interpreters= needs a thread of its own"),
        ("interpreters=2 preload=On", "'web': interpreters= and preload=On exclude each other"),
        ("interpreters=2 threads=0", "'web': interpreters= is for applications"),
    ],
)
def test_what_cannot_be_is_refused_with_a_cure(
    configtest: Callable[..., tuple[int, str]], options: str, words: str
) -> None:
    status, said = configtest(CONF.format(options=options, group="a"))
    assert status != 0
    assert words in said


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python can")
@pytest.mark.parametrize("group", ["%{GLOBAL}", "a"])
def test_an_old_python_runs_with_one_and_says_so(start: Start, group: str) -> None:
    server = start(CONF.format(options="threads=4 interpreters=2", group=group))
    code = """
        KEPT["count"] = KEPT.get("count", 0) + 1
        start_response("200 OK", [])
        return [json.dumps([KEPT["count"], environ["wsgi.multiprocess"]]).encode()]
    """
    bodies = [inline.run(server, code).body for _ in range(8)]
    assert bodies == [f"[{number}, false]".encode() for number in range(1, 9)]
    [line] = server.log.claim("PYW0120")
    assert "processes=2" in line.text
