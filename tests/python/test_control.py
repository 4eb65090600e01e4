"""The client of the control socket, against a server that answers what a test tells it to."""

from __future__ import annotations

import copy
import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.control import Control, ControlError
from support import wait

PROCESS = {
    "slot": 0,
    "pid": 11,
    "state": "ready",
    "due": False,
    "generation": 3,
    "age": 61.5,
    "requests": 7,
    "active": 1,
    "capacity": 5,
    "rss": 1048576,
    "pss": None,
}
GROUP = {
    "name": "shop",
    "user": "www-data",
    "wanted": 2,
    "least": 1,
    "most": 4,
    "threads": 5,
    "waiting": 0,
    "queue_size": 0,
    "served_by_predecessor": False,
    "failures": 0,
    "retry_in": None,
    "reload": {"state": "none", "replaced": 0, "seconds": 0.0},
    "last_ending": {"pid": 9, "signal": "SIGKILL", "ago": 3.5},
    "failure": None,
    "processes": [PROCESS],
}
STATUS: dict[str, Any] = {
    "ok": True,
    "version": "0.1.0",
    "pid": 5,
    "supervisor": 6,
    "state": "running",
    "generation": 2,
    "uptime": 100.0,
    "age": 50.0,
    "groups": [GROUP],
    "something new": 1,
}

Answer = bytes | Callable[[socket.socket], None]


class Fake:
    """A server that gives each connection the next answer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[bytes] = []
        self.answers: list[Answer] = []
        self.go = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            line = connection.makefile("rb").readline()
            if not line:
                return
            self.lines.append(line)
            answer = self.answers.pop(0)
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)

    def close(self) -> None:
        self.go.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def says(self, *documents: Any) -> None:
        self.answers += [json.dumps(document).encode() + b"\n" for document in documents]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    server = Fake(tmp_path / "control")
    yield server
    server.close()


@pytest.fixture
def control(fake: Fake) -> Control:
    return Control(fake.path, timeout=10)


# Questions and answers


def test_status(fake: Fake, control: Control) -> None:
    fake.says(STATUS)
    found = control.status()
    assert fake.lines == [b"status\n"]
    assert (found.pid, found.generation, found.uptime) == (5, 2, 100.0)
    [group] = found.groups
    assert (group.name, group.least, group.most, group.reload.state) == ("shop", 1, 4, "none")
    assert str(group.last_ending) == "by SIGKILL"
    assert group.failure is None
    [process] = group.processes
    assert (process.pid, process.rss, process.pss) == (11, 1048576, None)
    assert found.document == STATUS


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda c: c.reload(), b"reload\n"),
        (lambda c: c.reload("a b%c"), b"reload a%20b%25c\n"),
        (lambda c: c.restart("caf\u00e9\udcff/\n"), b"restart caf%C3%A9%FF%2F%0A\n"),
        (lambda c: c.scale("shop", 2), b"scale shop 2\n"),
        (lambda c: c.scale("shop", 2, 8), b"scale shop 2-8\n"),
        (lambda c: c.stacks("shop"), b"stacks shop\n"),
    ],
)
def test_lines(fake: Fake, control: Control, call: Callable[[Control], Any], line: bytes) -> None:
    fake.says({"ok": True, "groups": [], "processes": []})
    call(control)
    assert fake.lines == [line]


def test_an_answer_in_pieces(fake: Fake, control: Control) -> None:
    def answer(connection: socket.socket) -> None:
        for byte in json.dumps(STATUS).encode():
            connection.sendall(bytes([byte]))

    fake.answers = [answer]
    assert control.status().pid == 5


def test_a_reload_is_waited_for(fake: Fake, control: Control) -> None:
    """As long as it takes, which may be longer than other answers may."""
    row = {"name": "shop", "ok": True, "replaced": 4, "seconds": 1.5}
    waited: list[int] = []

    def answer(connection: socket.socket) -> None:
        assert fake.go.wait(20)
        connection.sendall(json.dumps({"ok": True, "groups": [row]}).encode())

    def on_wait() -> None:
        waited.append(1)
        if len(waited) == 2:
            fake.go.set()

    fake.answers = [answer]
    control.timeout = 0.2
    outcome = control.reload(on_wait=on_wait)
    assert len(waited) >= 2
    assert outcome.ok and outcome.error == ""
    [group] = outcome.groups
    assert (group.name, group.replaced, group.seconds, group.failure) == ("shop", 4, 1.5, None)


def test_a_reload_that_failed_is_no_exception(fake: Fake, control: Control) -> None:
    row = {
        "name": "shop",
        "ok": False,
        "replaced": 0,
        "seconds": 0.5,
        "pid": 12,
        "status": 3,
        "log": ["one", "two"],
    }
    fake.says({"ok": False, "error": "They do not start.", "groups": [row]})
    outcome = control.reload()
    assert not outcome.ok and outcome.error == "They do not start."
    failure = outcome.groups[0].failure
    assert failure is not None
    assert str(failure) == "with status 3"
    assert failure.log == ("one", "two")


def test_stacks_come_by_descriptors(fake: Fake, control: Control) -> None:
    rows = [
        {"group": "a", "pid": 1, "state": "ready", "error": None},
        {"group": "a", "pid": 2, "state": "draining", "error": "it is ending"},
        {"group": "b", "pid": 3, "state": "ready", "error": None},
    ]
    document = json.dumps({"ok": True, "processes": rows}).encode()

    def answer(connection: socket.socket) -> None:
        ends = [os.pipe() for _ in range(2)]
        for (reading, _), part in zip(ends, (document[:1], document[1:]), strict=True):
            socket.send_fds(connection, [part], [reading])
            os.close(reading)
        connection.close()
        for number, (_, writing) in enumerate(ends):
            os.write(writing, b"stack of %d \xff" % number)
            os.close(writing)

    fake.answers = [answer]
    before = len(os.listdir("/proc/self/fd"))
    found = control.stacks()
    assert [each.text for each in found] == ["stack of 0 \ufffd", "", "stack of 1 \ufffd"]
    assert [each.error for each in found] == [None, "it is ending", None]
    # The other side is a thread here, and may close its own last.
    wait.until(lambda: len(os.listdir("/proc/self/fd")) <= before, "all to be closed")


def test_descriptors_that_nobody_asked_for_are_closed(fake: Fake, control: Control) -> None:
    reading, writing = os.pipe()

    def answer(connection: socket.socket) -> None:
        socket.send_fds(connection, [b'{"ok": true}'], [reading])
        os.close(reading)

    fake.answers = [answer]
    assert control.ask("stacks") == {"ok": True}
    readers = select.poll()
    readers.register(writing, 0)
    assert readers.poll(10000) == [(writing, select.POLLERR)]
    os.close(writing)


def test_a_process_that_does_not_write_its_stacks(fake: Fake, control: Control) -> None:
    rows = [{"group": "a", "pid": 1, "state": "ready", "error": None}]
    reading, writing = os.pipe()

    def answer(connection: socket.socket) -> None:
        document = json.dumps({"ok": True, "processes": rows}).encode()
        socket.send_fds(connection, [document], [reading])

    fake.answers = [answer]
    control.timeout = 0.3
    os.write(writing, b"half")
    assert control.stacks()[0].text == "half"
    os.close(reading)
    os.close(writing)


# What goes wrong


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no control socket") as caught:
        Control(tmp_path / "nothing").status()
    assert "Is Apache running" in str(caught.value)
    assert caught.value.exit_code == 2


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    with pytest.raises(ControlError, match="Nobody listens"):
        Control(tmp_path / "left").status()


def test_no_permission(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ControlError, match="may not use") as caught:
        Control(tmp_path / "closed").status()
    assert "sudo" in str(caught.value)


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="Cannot connect to"):
        Control(tmp_path / ("x" * 200)).status()


def test_a_refusal_is_an_error(fake: Fake, control: Control) -> None:
    fake.says(*[{"ok": False, "error": "There is no such group."}] * 3)
    for call in (control.reload, control.stacks, lambda: control.scale("x", 1)):
        with pytest.raises(ControlError, match=r"^There is no such group\.$"):
            call()


@pytest.mark.parametrize("answer", [b"", b"\n", b"[]", b"nonsense", b'{"ok": true', b"\xff"])
def test_what_is_no_answer(fake: Fake, control: Control, answer: bytes) -> None:
    fake.answers = [answer]
    with pytest.raises(ControlError, match=r"broke off|gave no answer"):
        control.status()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("groups"),
        lambda d: d.update(groups=3),
        lambda d: d["groups"][0].pop("reload"),
        lambda d: d["groups"][0]["processes"][0].pop("pid"),
    ],
)
def test_answers_of_another_version(
    fake: Fake, control: Control, change: Callable[[Any], Any]
) -> None:
    document = copy.deepcopy(STATUS)
    change(document)
    fake.says(document)
    with pytest.raises(ControlError, match="not understood"):
        control.status()


def test_no_answer_at_all(fake: Fake, control: Control) -> None:
    fake.answers = [lambda _: fake.go.wait(20) and None]
    control.timeout = 0.1
    with pytest.raises(ControlError, match="does not answer"):
        control.status()


def test_drops_do_not_add_up_to_forever(fake: Fake, control: Control) -> None:
    def drip(connection: socket.socket) -> None:
        while not fake.go.wait(0.05):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    fake.answers = [drip]
    control.timeout = 0.4
    with pytest.raises(ControlError, match="does not answer"):
        control.status()
