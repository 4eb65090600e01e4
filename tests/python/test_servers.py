"""Which server a command is about, and its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mod_pywsgi import instance, servers
from mod_pywsgi.control import ControlError
from mod_pywsgi.plan import Paths
from support import wait

from .conftest import settings_of

# Stands in for Apache: says when it listens to signals, and knows two of them.
PROGRAM = """
import os, signal, sys, time
mode = sys.argv[1]
if mode != "graceful":
    signal.signal(signal.SIGWINCH, signal.SIG_IGN)
else:
    signal.signal(signal.SIGWINCH, lambda *_: os._exit(0))
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""

Start = Callable[..., servers.Found]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary directory, whose name is short enough for sockets in it."""
    path = Path(tempfile.mkdtemp(prefix="pywsgi-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(place: Path) -> Iterator[Start]:
    """Start what looks like a server of express."""
    running: list[subprocess.Popen[str]] = []

    def run(
        name: str | None = None, mode: str = "graceful", *words: str, control: bool = True
    ) -> servers.Found:
        root = place / (name or f"mod_pywsgi-localhost:8000:{os.geteuid()}")
        paths = Paths(root)
        paths.run.mkdir(parents=True)
        root.chmod(0o700)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, mode, str(paths.conf), *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        paths.pid_file.write_text(f"{process.pid}\n")
        if control:
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(paths.control_socket))
        return servers.Found(paths, process.pid)

    yield run
    for process in running:
        process.kill()
        process.communicate()


def named(port: int, host: str = "localhost") -> str:
    return f"mod_pywsgi-{host}:{port}:{os.geteuid()}"


@pytest.fixture
def no_system(monkeypatch: pytest.MonkeyPatch, place: Path) -> Path:
    """No Apache of the system; the place where one would be."""
    monkeypatch.setattr(servers, "SYSTEM_SOCKETS", (place / "first", place / "second"))
    return place / "second"


# Which one


def test_the_only_one_that_runs(start: Start) -> None:
    found = start(named(8123))
    assert servers.express(settings_of()) == found
    assert servers.control(settings_of(), None).path == found.paths.control_socket


def test_a_named_socket(place: Path) -> None:
    assert servers.control(settings_of("--port", "1"), "/some/where").path == Path("/some/where")


def test_named_by_port_host_or_root(start: Start, place: Path) -> None:
    by_port, by_host, by_root = start(named(8001)), start(named(8000, "::1")), start("own")
    for words, found in (
        (("--port", "8001"), by_port),
        (("--host", "::1"), by_host),
        (("--server-root", str(place / "own")), by_root),
    ):
        assert servers.express(settings_of(*words)) == found
    with pytest.raises(ControlError, match="Several servers") as caught:
        servers.control(settings_of(), None)
    assert str(by_port.paths.root) in str(caught.value)


def test_named_and_not_running(start: Start, place: Path) -> None:
    start(named(8001))
    with pytest.raises(ControlError, match="No server runs from") as caught:
        servers.control(settings_of("--port", "8002"), None)
    assert caught.value.exit_code == 2


def test_embedded_mode_has_no_control_socket(start: Start) -> None:
    start(control=False)
    with pytest.raises(ControlError, match="has no control socket") as caught:
        servers.control(settings_of(), None)
    assert "embedded" in str(caught.value)


def test_roots_of_others_are_left_alone(start: Start, no_system: Path) -> None:
    found = start()
    found.paths.root.chmod(0o777)
    with pytest.raises(ControlError, match="No server of this user"):
        servers.express(settings_of())
    found.paths.root.chmod(0o700)
    moved = found.paths.root.with_name("elsewhere")
    found.paths.root.rename(moved)
    found.paths.root.symlink_to(moved)
    with pytest.raises(ControlError, match="No server was found"):
        servers.control(settings_of(), None)


def test_a_root_in_the_default_place_that_another_may_write(start: Start) -> None:
    found = start(named(8001))
    found.paths.root.chmod(0o777)
    with pytest.raises(ControlError, match="No server runs from"):
        servers.control(settings_of("--port", "8001"), None)
    by_root = settings_of("--server-root", str(found.paths.root))
    assert servers.express(by_root) == found


def test_the_system_is_next(no_system: Path) -> None:
    with pytest.raises(ControlError, match="No server was found") as caught:
        servers.control(settings_of(), None)
    for word in ("first", "second", "Is Apache running", "--socket", "--server-root"):
        assert word in str(caught.value)
    no_system.touch()
    assert servers.control(settings_of(), None).path == no_system


@pytest.mark.parametrize("text", ["0", "-1", "1", "nonsense", "", "99999999999999999999"])
def test_pid_files_that_name_no_server(place: Path, text: str) -> None:
    """Above all not a number that kill() takes for several processes."""
    paths = Paths(place)
    paths.pid_file.write_text(text)
    assert instance.running(paths) is None


# Its end


def test_stop_is_graceful(start: Start) -> None:
    found = start()
    assert servers.stop(found, 20)


def test_stop_insists(start: Start) -> None:
    found = start(None, "busy")
    assert servers.stop(found, 0.1)


@pytest.mark.parametrize(("patience", "words"), [(0, ()), (20, ("-X",))])
def test_stop_at_once(start: Start, patience: float, words: tuple[str, ...]) -> None:
    """With no patience; and in debug mode, where Apache knows no graceful stop."""
    found = start(None, "busy", *words)
    assert servers.stop(found, patience)


def test_stop_that_fails(start: Start) -> None:
    found = start(None, "stubborn")
    assert not servers.stop(found, 0.05, 0.05)
    os.kill(found.pid, signal.SIGKILL)
    wait.until(lambda: servers.stop(found, 0, 0), "it to be gone")  # which is no error either


def test_stop_without_the_right(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    found = start()

    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(ControlError, match="may not stop") as caught:
        servers.stop(found, 20)
    assert "sudo" in str(caught.value)
    monkeypatch.undo()
