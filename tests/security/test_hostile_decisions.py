"""A process group that has been taken over decides who comes in: it may say yes or no, and nothing else that
it says lets anybody in, reaches the client, or harms the Apache child.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from support import wire
from support.deciders import MODULES, basic
from support.httpd import Settings

PROGRAM = Path(__file__).parent.parent / "support" / "hostile_daemon.py"
CONF = """
WSGIDaemonProcess hostile daemon-program=@ROOT@/hostile.py home=@ROOT@ connect-timeout=2 socket-timeout=3
WSGIScriptAlias /routed @ROOT@/app.wsgi
<Location /access>
    WSGIAccessScript /nowhere process-group=hostile
</Location>
<Location /password>
    AuthType Basic
    AuthName here
    AuthBasicProvider wsgi
    WSGIAuthUserScript /nowhere process-group=hostile
    Require valid-user
</Location>
<Location /groups>
    AuthType Basic
    AuthName here
    AuthBasicProvider anon
    Anonymous *
    Anonymous_MustGiveEmail Off
    WSGIAuthGroupScript /nowhere process-group=hostile
    Require wsgi-group staff
</Location>
<Location /routed>
    WSGIDispatchScript /nowhere process-group=hostile
</Location>
"""
APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return [b"inside"]
"""
DENIED, GRANTED, UNKNOWN, NAMED, HASH, GROUPS, ROUTE = range(7)
START = [["read"], ["read"], ["hello"]]


@pytest.fixture
def hostile(servers):
    """A server whose scripts that decide are all in the group of the hostile program."""
    settings = Settings(
        modules=(*MODULES, "authn_anon"),
        extra=CONF,
        files={
            "app.wsgi": APP,
            "plan.json": json.dumps([*START, answer(b"")]),
            "htdocs/access": "inside",
            "htdocs/password": "inside",
            "htdocs/groups": "inside",
        },
        prepare=lambda server: server.write("hostile.py", PROGRAM.read_text("utf-8"), 0o755),
    )
    return servers.kept("hostile decisions", settings, "/alive")


def send(*parts):
    return ["send", b"".join(parts).hex()]


def head(status=200, length=-1, headers=()):
    return wire.encode("HEAD", status=status, reason="", content_length=length, headers=headers)


def end(outcome=wire.OK):
    return wire.encode("END", outcome=outcome, wall_us=0, cpu_us=0, written=0)


def answer(body):
    return send(head(length=len(body)), wire.encode("DATA", data=body), end())


def pack(verdict, *texts):
    """docs/protocol.md, REQUEST; a text that is None is absent."""
    packed = struct.pack("<BH", verdict, len(texts))
    for text in texts:
        packed += b"\0" if text is None else struct.pack("<BH", 1, len(text)) + text
    return packed


def ask(server, place, steps):
    plan = server.root / "plan.json"
    plan.write_text(json.dumps([*START, *steps]), encoding="utf-8")
    return server.get(f"/{place}", [basic("ann")])


# What each place takes for a yes and a no; everything else is neither.
TAKEN = [
    ("access", pack(GRANTED), 200),
    ("access", pack(UNKNOWN), 200),
    ("access", pack(DENIED), 403),
    ("password", pack(GRANTED), 200),
    ("password", pack(NAMED, b"bob"), 200),
    ("password", pack(UNKNOWN), 401),
    ("password", pack(DENIED), 401),
    ("groups", pack(GROUPS, b"x", b"staff"), 200),
    ("groups", pack(GROUPS), 401),
    ("routed", pack(ROUTE, None, b"", None), 200),
]


@pytest.mark.parametrize(("place", "body", "status"), TAKEN)
def test_what_is_an_answer(hostile, place, body, status):
    assert ask(hostile, place, [answer(body)]).status == status
    hostile.log.allow("PYW0215|AH01617|AH01618|AH01631")


BODIES = {
    "nothing": b"",
    "a verdict alone": b"\1",
    "another verdict": pack(7),
    "verdict 255": pack(255),
    "a yes with a text": pack(GRANTED, b"x"),
    "a yes and more": pack(GRANTED) + b"\0",
    "a name that is absent": pack(NAMED, None),
    "a name that is empty": pack(NAMED, b""),
    "no name": pack(NAMED),
    "two names": pack(NAMED, b"a", b"b"),
    "a name with a line break": pack(NAMED, b"a\nb"),
    "a name with a NUL": pack(NAMED, b"a\0b"),
    "a name past the end": b"\3\1\0\1\xff\xffx",
    "a hash": pack(HASH, b"0" * 32),
    "a group past the end": pack(GROUPS, b"staff") + b"\1",
    "a group that is absent": pack(GROUPS, b"staff", None),
    "a group with a line break": pack(GROUPS, b"staff", b"a\nb"),
    "fewer groups than counted": b"\5\2\0\1\5\0staff",
    "8193 groups": pack(GROUPS, *[b"staff"] * 8193),
    "two routes": pack(ROUTE, None, None),
    "four routes": pack(ROUTE, None, None, None, None),
    "a route with a line break": pack(ROUTE, b"a\n", None, None),
    "over 512 KiB": pack(GROUPS, b"staff", *[b"x" * 60000] * 9),
}
PLACES = ["access", "password", "groups", "routed"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BODIES)
def test_what_is_no_answer_lets_nobody_in(hostile, place, name):
    response = ask(hostile, place, [answer(BODIES[name])])
    assert response.status == 500
    assert b"inside" not in response.body
    hostile.log.claim("PYW0214|PYW0150")
    hostile.log.allow("PYW0214|AH0")


YES = {"access": pack(GRANTED), "password": pack(GRANTED), "groups": pack(GROUPS, b"staff")}
YES["routed"] = pack(ROUTE, None, None, None)

# Ways to say yes that are none; each gets the yes.
WAYS = {
    "another status": lambda yes: [send(head(201), wire.encode("DATA", data=yes), end())],
    "an error page": lambda yes: [send(head(401), wire.encode("DATA", data=yes), end())],
    "no end": lambda yes: [send(head(), wire.encode("DATA", data=yes))],
    "death instead of the end": lambda yes: [send(head(), wire.encode("DATA", data=yes)), ["die"]],
    "an end that failed": lambda yes: [
        send(head(), wire.encode("DATA", data=yes), end(wire.ERROR))
    ],
    "an end that is too late": lambda yes: [send(head(), wire.encode("DATA", data=yes), end(3))],
    "an end for a client that left": lambda yes: [
        send(head(), wire.encode("DATA", data=yes), end(4))
    ],
    "less than declared": lambda yes: [
        send(head(length=len(yes) + 1), wire.encode("DATA", data=yes), end())
    ],
    "more than declared": lambda yes: [
        send(head(length=len(yes) - 1), wire.encode("DATA", data=yes), end())
    ],
    "no head": lambda yes: [send(wire.encode("DATA", data=yes), end())],
    "two heads": lambda yes: [send(head(), head(), wire.encode("DATA", data=yes), end())],
    "100 Continue": lambda yes: [
        send(
            wire.encode("INFORM", status=100, reason="", content_length=-1, headers=[]),
            head(),
            wire.encode("DATA", data=yes),
            end(),
        )
    ],
    "a file": lambda yes: [
        send(head()),
        ["fds", wire.encode("FILE", offset=0, length=10).hex(), "file", 1],
        send(wire.encode("DATA", data=yes), end()),
    ],
    "silence": lambda yes: [["sleep", 4]],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", [name for name in WAYS if name != "silence"])
def test_a_yes_that_is_said_wrongly_lets_nobody_in(hostile, place, name):
    response = ask(hostile, place, WAYS[name](YES[place]))
    allowed = {500}
    if name == "an end that failed":  # the script has failed: it says no
        allowed = {"access": {403}, "groups": {401}}.get(place, {500})
    assert response.status in allowed
    assert not response.interim
    assert b"inside" not in response.body
    hostile.log.allow("PYW0150|PYW015[123]|PYW000[2-5]|PYW0214|PYW0215|AH0")
    hostile.expect_new_processes()


def test_silence_lets_nobody_in(hostile):
    assert ask(hostile, "access", WAYS["silence"](b"")).status == 500
    hostile.log.claim("PYW0153")


def test_nothing_of_the_answer_reaches_the_client(hostile):
    steps = [
        send(
            head(headers=[["X-Injected", "1"], ["Content-Type", "text/injected"]]),
            wire.encode("DATA", data=pack(GRANTED)),
            end(),
        )
    ]
    response = ask(hostile, "access", steps)
    assert response.status == 200
    assert response.body == b"inside"
    assert "injected" not in response.head.decode("latin-1").lower()
