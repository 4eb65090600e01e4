"""What the commands for a running server print, and their exit codes."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import pytest

from mod_pywsgi import console
from mod_pywsgi.control import (
    Control,
    ControlError,
    Ending,
    GroupOutcome,
    Outcome,
    ProcessStacks,
    _server,
)

from .test_control import STATUS

FAILURE = Ending(12, None, 3, log=("one", "\x1b[31mtwo"))


class Fake(Control):
    """Answers without a socket."""

    def __init__(self, document: dict[str, Any] = STATUS) -> None:
        super().__init__("/nowhere")
        self.document = document
        self.outcome = Outcome(True, "", (), {"ok": True, "groups": []})
        self.found: list[ProcessStacks] = []
        self.asked: list[tuple[str, ...]] = []

    def status(self) -> Any:
        return _server(self.document)

    def reload(self, group: str | None = None, *, on_wait: Any = None) -> Outcome:
        self.asked.append(("reload", str(group)))
        if on_wait is not None:
            on_wait()
        return self.outcome

    def restart(self, group: str | None = None, *, on_wait: Any = None) -> Outcome:
        self.asked.append(("restart", str(group)))
        return self.outcome

    def stacks(self, group: str | None = None) -> list[ProcessStacks]:
        return self.found

    def ask(self, *words: str) -> dict[str, Any]:
        self.asked.append(words)
        return self.document


def changed(**members: Any) -> dict[str, Any]:
    """STATUS with members of its group changed."""
    document = copy.deepcopy(STATUS)
    document["groups"][0].update(members)
    return document


Capture = pytest.CaptureFixture[str]


def test_status(capsys: Capture) -> None:
    assert console.status(Fake(), as_json=False) == 0
    assert capsys.readouterr().out == (
        "Server running for 1 min 40 s: process 5, generation 2 of its configuration,"
        " mod_pywsgi 0.1.0\n"
        "\n"
        "shop: 1 of 2 processes ready (1 to 4), 5 threads each, user www-data\n"
        "  process 9 ended by SIGKILL 3 s ago\n"
        "  PID  STATE  AGE        REQUESTS  ACTIVE      RSS  PSS\n"
        "   11  ready  1 min 1 s         7     1/5  1.0 MiB    -\n"
    )


def test_status_as_json_is_the_servers_document(capsys: Capture) -> None:
    assert console.status(Fake(), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == STATUS


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({"wanted": 0, "processes": []}, "asleep: the next request starts a process"),
        ({"waiting": 1}, "1 request waits for a thread"),
        ({"waiting": 7, "queue_size": 9}, "7 requests wait for a thread, of at most 9"),
    ],
)
def test_status_of_groups_that_wait(members: dict[str, Any], line: str, capsys: Capture) -> None:
    console.status(Fake(changed(**members)), as_json=False)
    assert f"  {line}\n" in capsys.readouterr().out


def test_status_names_troubles(capsys: Capture) -> None:
    document = changed(
        failures=2,
        served_by_predecessor=True,
        retry_in=0.42,
        reload={"state": "failed", "replaced": 1, "seconds": 1.0},
        failure={"pid": 12, "status": 3, "log": ["ModuleNotFoundError: x"]},
        processes=[],
    )
    console.status(Fake(document), as_json=False)
    shown = capsys.readouterr().out
    assert "the last reload failed" in shown
    assert "the configuration before still serve" in shown
    assert "new processes do not start, 2 tries so far; again in 0.4 s" in shown
    assert "process 12 ended with status 3 before it was ready:\n    ModuleNotFoundError" in shown


def test_status_of_a_failure_of_which_no_words_were_kept(capsys: Capture) -> None:
    document = changed(failures=1, failure={"pid": 12, "status": 3, "log": []})
    console.status(Fake(document), as_json=False)
    assert "before it was ready; what it said is in the error log\n" in capsys.readouterr().out


def test_names_do_not_command_the_terminal(capsys: Capture) -> None:
    console.status(Fake(changed(name="a\x1b[2J\u202e")), as_json=False)
    shown = capsys.readouterr().out
    assert "a\ufffd[2J\ufffd: 1 of 2" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_success(verb: str, capsys: Capture) -> None:
    fake = Fake()
    fake.outcome = Outcome(True, "", (GroupOutcome("shop", True, 1, 1.24, None),), {})
    assert console.replace(fake, verb, None, as_json=False) == 0
    assert capsys.readouterr().out == "shop: 1 process replaced in 1.2 s\n"
    assert fake.asked == [(verb, "None")]


def test_failure(capsys: Capture) -> None:
    fake = Fake()
    groups = (
        GroupOutcome("shop", False, 0, 1.0, FAILURE),
        GroupOutcome("blog", True, 2, 1.0, None),
    )
    fake.outcome = Outcome(False, "They do not start.", groups, {"ok": False})
    assert console.replace(fake, "reload", None, as_json=False) == 1
    shown = capsys.readouterr()
    assert shown.out == "blog: 2 processes replaced in 1.0 s\n"
    assert "shop: not reloaded, 0 replaced" in shown.err
    assert "process 12 ended with status 3 before it was ready:\n    one\n" in shown.err
    assert "\x1b" not in shown.err
    assert shown.err.endswith("error: They do not start.\n")
    assert console.replace(fake, "reload", None, as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False}


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    process = STATUS["groups"][0]["processes"][0]
    document = changed(
        reload={"state": "running", "replaced": 1, "seconds": 0.1},
        processes=[
            process,
            {**process, "due": True},
            {**process, "due": True, "state": "draining"},
        ],
    )
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert console.replace(Fake(document), "reload", None, as_json=False) == 0
    assert "shop 1 of 2 replaced" in capsys.readouterr().err
    console.replace(Fake(document), "reload", "another", as_json=False)
    assert "shop" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "document", "shown"),
    [
        (["4"], {"ok": True, "least": 4, "most": 4}, "shop: 4 processes from now on\n"),
        (["blog", "1"], {"ok": True, "least": 1, "most": 1}, "blog: 1 process from now on\n"),
        (["a", "2-8"], {"ok": True, "least": 2, "most": 8}, "a: 2 to 8 processes from now on\n"),
    ],
)
def test_scale(words: list[str], document: dict[str, Any], shown: str, capsys: Capture) -> None:
    fake = Fake({**STATUS, **document})
    assert console.scale(fake, words, as_json=False) == 0
    assert fake.asked == [("scale", words[0] if len(words) == 2 else "shop", words[-1])]
    assert capsys.readouterr().out == shown


def test_scale_wants_a_name_where_there_are_several() -> None:
    both = {**STATUS, "groups": [*STATUS["groups"], *changed(name="blog")["groups"]]}
    with pytest.raises(ControlError, match="Name one") as caught:
        console.scale(Fake(both), ["4"], as_json=False)
    assert "shop\n  blog" in str(caught.value)


def test_scale_passes_over_services(capsys: Capture) -> None:
    groups = [*STATUS["groups"], *changed(name="service:mail")["groups"]]
    fake = Fake({**STATUS, "groups": groups, "ok": True, "least": 4, "most": 4})
    assert console.scale(fake, ["4"], as_json=False) == 0
    assert fake.asked == [("scale", "shop", "4")]
    assert "shop: 4" in capsys.readouterr().out


def test_scale_that_is_refused() -> None:
    with pytest.raises(ControlError, match="room for 2"):
        console.scale(Fake({"ok": False, "error": "room for 2"}), ["shop", "9"], as_json=False)


def test_stacks(capsys: Capture) -> None:
    fake = Fake()
    fake.found = [
        ProcessStacks("shop", 11, "ready", "Process 11\n  file\x1b\n\n", None),
        ProcessStacks("shop", 12, "draining", "", "it is ending"),
    ]
    assert console.stacks(fake, None, as_json=False) == 0
    assert capsys.readouterr().out == (
        "Process 11\n  file\ufffd\n\nProcess 12 of group 'shop', draining: it is ending\n\n"
    )
    assert console.stacks(fake, None, as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)["processes"]
    assert [row["pid"] for row in rows] == [11, 12]
    fake.found = []
    console.stacks(fake, None, as_json=False)
    assert capsys.readouterr().out == "There are no processes.\n"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.9, "0 s"), (59.9, "59 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"), (90000, "1 d 1 h")],
)
def test_spans(seconds: float, shown: str) -> None:
    assert console._span(seconds) == shown
