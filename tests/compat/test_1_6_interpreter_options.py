"""Compat 1.6: <WSGIInterpreterOptions>: what it takes, and which of several holds."""

from __future__ import annotations

import re

import pytest

from support import inline
from support.inline import value as ask

SECTION = "<WSGIInterpreterOptions {}>\n{}\n</WSGIInterpreterOptions>\n"

REFUSED = [
    (SECTION.format("", "WSGIPythonOptimize 1"), "WSGIPythonOptimize is not allowed in"),
    (SECTION.format("", "WSGIPythonHome /usr"), "WSGIPythonHome is not allowed in"),
    (SECTION.format("", "ServerName x"), "ServerName is not allowed in"),
    (SECTION.format("", "Nonsense x"), "Nonsense is not allowed in"),
    (SECTION.format("", "<Directory />\n</Directory>"), "<Directory is not allowed in"),
    (SECTION.format("", "WSGIRestrictStdin Maybe"), "WSGIRestrictStdin must be one of: Off | On"),
    (SECTION.format("", "WSGIRestrictStdin"), "WSGIRestrictStdin must be one of: Off | On"),
    (SECTION.format("", "WSGIRestrictStdin On On"), "WSGIRestrictStdin takes one argument"),
    (SECTION.format("", "WSGISwitchInterval 0"), "WSGISwitchInterval.*above 0"),
    (SECTION.format("", "WSGIPythonPath"), "WSGIPythonPath takes a value"),
    (SECTION.format("colour=red", ""), "Invalid option.*colour"),
    (SECTION.format("nonsense", ""), "Invalid option"),
    (SECTION.format("process-group=%{SERVER}", ""), "process-group '%{SERVER}'.*give a name"),
    (SECTION.format("application-group=%{RESOURCE}", ""), "application-group.*give a name"),
    (
        "<WSGIInterpreterOptions process-group=a\nWSGIRestrictStdin On\n</WSGIInterpreterOptions>",
        "must end in '>'",
    ),
]

CHILDREN = """
WSGIPerInterpreterGIL Off
WSGIFreeThreading Off
WSGISwitchInterval 0.01
WSGIPythonPath /tmp
WSGIRestrictStdin Off
wsgirestrictstdout off
WSGIRestrictSignal On
"""
ACCEPTED = [
    SECTION.format("", CHILDREN),
    SECTION.format("process-group=a", CHILDREN),
    SECTION.format('Process-Group="a" APPLICATION-GROUP=%{GLOBAL}', CHILDREN),
    SECTION.format("", "<IfModule wsgi_module>\nWSGIRestrictStdin On\n</IfModule>"),
    SECTION.format("application-group='some name'", "WSGIRestrictStdin On") * 2,
]


@pytest.mark.parametrize(("text", "pattern"), REFUSED)
def test_refused(configtest, text, pattern):
    status, words = configtest(text)
    assert status != 0, "accepted"
    assert re.search(pattern, words), words


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(configtest, text):
    status, words = configtest("WSGIDaemonProcess a\n" + text)
    assert status == 0, words


def test_the_error_names_the_line_within(configtest):
    _, words = configtest(SECTION.format("", "WSGIRestrictStdin On\nWSGIRestrictStdout Maybe"))
    lines = {int(number) for number in re.findall(r"on line (\d+)", words)}
    text = "must be one of: Off | On"
    assert text in words
    assert len(lines) == 1
    [line] = lines
    _, shorter = configtest(SECTION.format("", "WSGIRestrictStdout Maybe"))
    assert f"on line {line - 1} " in shorter


# What holds where. stdin On or Off is easily seen, and means nothing else.

GROUPS = """
WSGIDaemonProcess one threads=2
WSGIDaemonProcess two threads=2
""" + "".join(
    f"WSGIScriptAlias /{process or 'embedded'}/{application} @APPS@/inline/wsgi.py"
    f" process-group={process or '%{GLOBAL}'}"
    f" application-group={'%{GLOBAL}' if application == 'main' else application}\n"
    for process in ("", "one", "two")
    for application in ("main", "sub")
)
PLACES = [
    f"/{process}/{application}"
    for process in ("embedded", "one", "two")
    for application in ("main", "sub")
]


def restricted(server):
    """Where sys.stdin is restricted."""
    return [
        path for path in PLACES if ask(server, "type(sys.stdin).__name__", path) == "Restricted"
    ]


def on(selectors):
    return SECTION.format(selectors, "WSGIRestrictStdin On")


def off(selectors):
    return SECTION.format(selectors, "WSGIRestrictStdin Off")


RESOLUTION = [
    ("WSGIRestrictStdin On", PLACES),
    (on(""), PLACES),
    (on("process-group=one"), ["/one/main", "/one/sub"]),
    (on("process-group=%{GLOBAL}"), ["/embedded/main", "/embedded/sub"]),
    (on("application-group=sub"), ["/embedded/sub", "/one/sub", "/two/sub"]),
    (on("application-group=%{GLOBAL}"), ["/embedded/main", "/one/main", "/two/main"]),
    (on("process-group=two application-group=sub"), ["/two/sub"]),
    # The value outside of sections is the least specific, wherever it stands.
    (off("") + "WSGIRestrictStdin On", []),
    # More selectors win, wherever they stand.
    (on("process-group=one") + off(""), ["/one/main", "/one/sub"]),
    (on("process-group=one application-group=sub") + off("process-group=one"), ["/one/sub"]),
    (on("") + off("process-group=one application-group=sub"), [p for p in PLACES if p != "/one/sub"]),
    # Of as many, the later wins.
    (on("process-group=one") + off("application-group=sub"), ["/one/main"]),
    (off("application-group=sub") + on("process-group=one"), ["/one/main", "/one/sub"]),
    (on("process-group=one") + off("process-group=one"), []),
    # A section that does not say it leaves it as it is.
    (on("process-group=one") + SECTION.format("process-group=one", "WSGIRestrictStdout On"),
     ["/one/main", "/one/sub"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "places"), RESOLUTION)
def test_the_most_specific_holds(start, text, places):
    assert restricted(start(GROUPS + text)) == places


def added(server, place):
    """The directories of the test's own in sys.path, by their last name."""
    here = f"{server.root}/"
    return [
        path.removeprefix(here) for path in ask(server, "sys.path", place) if path.startswith(here)
    ]


def test_paths_add_up_from_the_least_to_the_most_specific(start):
    server = start(
        GROUPS.replace("one threads=2", "one threads=2 python-path=@ROOT@/option home=@ROOT@/home")
        + SECTION.format("process-group=one application-group=sub", "WSGIPythonPath @ROOT@/both")
        + SECTION.format("application-group=sub", "WSGIPythonPath @ROOT@/sub1:@ROOT@/sub2")
        + SECTION.format("process-group=one", "WSGIPythonPath @ROOT@/one")
        + SECTION.format("", "WSGIPythonPath @ROOT@/all")
        + "WSGIPythonPath @ROOT@/outside",
        files={
            f"{name}/x": ""
            for name in (
                "option", "both", "sub1", "sub2", "one", "all", "outside", "home", "from_pth",
            )
        } | {"sub1/more.pth": "@ROOT@/from_pth\n"},
    )  # fmt: skip
    subs = ["sub1", "from_pth", "sub2"]
    assert added(server, "/one/sub") == ["home", "option", "all", *subs, "one", "both"]
    assert added(server, "/one/main") == ["home", "option", "all", "one"]
    assert added(server, "/two/sub") == ["all", *subs]
    assert added(server, "/two/main") == ["all"]
    assert added(server, "/embedded/sub") == ["outside", "all", *subs]
    assert added(server, "/embedded/main") == ["outside", "all"]
    assert ask(server, "sys.path[0]", "/two/main") == f"{server.root}/all"


def test_the_interval_of_a_process(start):
    server = start(
        GROUPS
        + SECTION.format("process-group=one", "WSGISwitchInterval 0.5")
        + SECTION.format("process-group=two application-group=%{GLOBAL}", "WSGISwitchInterval 0.25")
    )
    assert ask(server, "sys.getswitchinterval()", "/one/main") == 0.5
    assert ask(server, "sys.getswitchinterval()", "/two/main") == 0.25
    assert ask(server, "sys.getswitchinterval()", "/embedded/main") == 0.005


def test_an_interval_for_an_interpreter_that_shares_its_gil_is_said(start):
    section = SECTION.format("process-group=one application-group=sub", "WSGISwitchInterval 0.5")
    server = start(GROUPS + section)
    assert ask(server, "sys.getswitchinterval()", "/one/sub") == 0.005
    for line in server.log.claim("PYW0116"):
        assert "'sub'" in line.text


def test_signals_of_one_interpreter(start):
    server = start(
        GROUPS + SECTION.format("process-group=one application-group=sub", "WSGIRestrictSignal Off")
    )
    code = """
        import signal
        try:
            signal.signal(signal.SIGUSR2, lambda *_: None)
            answer = b"ignored"
        except ValueError as error:
            answer = str(error).encode()  # Python's own: not on this thread
        start_response("200 OK", [])
        return [answer]
    """
    assert inline.run(server, code, path="/one/main").body == b"ignored"
    assert inline.run(server, code, path="/one/sub").body.startswith(b"signal only works in main")


def test_a_group_that_does_not_exist_is_said_at_start(start):
    server = start(on("process-group=nobody"))
    [line] = server.log.claim("PYW0011")
    assert "nobody" in line.text


def test_free_threading_of_an_application_group_is_said_and_ignored(start):
    server = start(GROUPS + SECTION.format("application-group=sub", "WSGIFreeThreading On"))
    server.log.claim("PYW0012")
    assert ask(server, "1", "/one/sub") == 1
    assert server.log.find("PYW0115") == []
