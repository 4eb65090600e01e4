"""Running in the foreground: signals and exit codes, with a stand-in for Apache."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import wait

# SIGHUP may be ignored around the tests (nohup), and what is ignored stays so in a shell.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from mod_pywsgi import runner
runner._show_log = lambda *_: None
sys.exit(runner._supervise(["sh", "-c", sys.argv[1]], int(sys.argv[2])))
"""


def start(script: str, grace: int = 0) -> tuple[subprocess.Popen[bytes], int]:
    """The runner on a terminal of its own, with a shell script for Apache."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, script, str(grace)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    return process, controller


def read_until(descriptor: int, word: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 20
    while word not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        assert ready, seen
        seen += os.read(descriptor, 1000)
    return seen


def test_exit_code_is_passed_on() -> None:
    process, _ = start("exit 7")
    assert process.wait(20) == 7


def test_death_by_signal() -> None:
    process, _ = start("kill -SEGV $$")
    assert process.wait(20) == 128 + signal.SIGSEGV


@pytest.mark.parametrize(
    ("sent", "received"),
    [("SIGINT", "TERM"), ("SIGTERM", "TERM"), ("SIGHUP", "HUP"), ("SIGUSR1", "USR1")],
)
def test_signals_are_forwarded(sent: str, received: str) -> None:
    script = (
        f"trap 'echo got {received}; exit 3' {received}; echo ready; while :; do sleep 0.05; done"
    )
    process, terminal = start(script)
    read_until(terminal, b"ready")
    process.send_signal(getattr(signal, sent))
    read_until(terminal, f"got {received}".encode())
    assert process.wait(20) == 3


def test_change_of_the_window_is_not_forwarded() -> None:
    script = "trap 'echo winch; exit 9' WINCH; trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process, terminal = start(script)
    read_until(terminal, b"ready")
    process.send_signal(signal.SIGWINCH)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3


GRACEFUL = "trap 'echo winch' WINCH; trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def test_graceful_stop_and_a_second_signal() -> None:
    process, terminal = start(GRACEFUL, grace=60)
    read_until(terminal, b"ready")
    process.send_signal(signal.SIGTERM)
    assert b"60 s" in read_until(terminal, b"winch")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    read_until(terminal, b"term")
    assert process.wait(20) == 3


def test_graceful_stop_has_an_end() -> None:
    """Whatever Apache makes of its own limit."""
    process, terminal = start(GRACEFUL, grace=1)
    read_until(terminal, b"ready")
    process.send_signal(signal.SIGTERM)
    read_until(terminal, b"winch")
    read_until(terminal, b"term")
    assert process.wait(20) == 3


def test_what_does_not_serve_yet_ends_at_once() -> None:
    """Apache ignores SIGWINCH until it has its handlers."""
    script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process, terminal = start(script, grace=60)
    read_until(terminal, b"ready")
    process.send_signal(signal.SIGTERM)
    read_until(terminal, b"term")
    assert process.wait(20) == 3


@pytest.mark.parametrize("restart", ["HUP", "USR1"])
def test_a_restart_does_not_end_what_does_not_serve_yet(restart: str) -> None:
    """As of logrotate, at the start of the system."""
    script = "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process, terminal = start(script)
    read_until(terminal, b"ready")
    process.send_signal(getattr(signal, f"SIG{restart}"))
    process.terminate()  # which comes behind the other
    assert process.wait(20) == 3


def test_window_changes_are_apaches_where_there_is_no_window() -> None:
    """STOPSIGNAL SIGWINCH, as images of Apache have it."""
    command = [sys.executable, "-c", PROGRAM, GRACEFUL, "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        read_until(process.stdout.fileno(), b"ready")
        process.send_signal(signal.SIGWINCH)
        read_until(process.stdout.fileno(), b"winch")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 3


def test_apache_ends_with_a_runner_that_is_killed() -> None:
    process, terminal = start(
        "trap 'echo term; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    )
    read_until(terminal, b"ready")
    process.kill()
    read_until(terminal, b"term")
    assert process.wait(20) == -signal.SIGKILL


def test_second_interrupt_kills() -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    process, terminal = start(script)
    read_until(terminal, b"ready")
    process.send_signal(signal.SIGINT)
    read_until(terminal, b"again to kill")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 128 + signal.SIGKILL


def test_words_come_behind_what_apache_wrote_to_the_same_file(tmp_path: Path) -> None:
    """It opens its log itself, even where that is our output."""
    output = tmp_path / "output"
    program = PROGRAM.replace("sys.exit(", "runner._append()\nsys.exit(")
    script = f"exec >>{output}; {GRACEFUL}"
    with output.open("wb") as file:
        command = [sys.executable, "-c", program, script, "60"]
        process = subprocess.Popen(command, stdout=file, stderr=file)
    wait.until(lambda: output.read_text() == "ready\n", "the server")
    process.send_signal(signal.SIGTERM)
    wait.until(lambda: "winch" in output.read_text(), "its signal")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 3
    lines = output.read_text().splitlines()
    assert [lines[0], lines[-1]] == ["ready", "term"]
    assert any("stopping" in line for line in lines)


def test_a_parent_that_ignored_the_ends_of_children() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process, _ = start("exit 7")
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert process.wait(20) == 7


def test_strangers_are_collected(tmp_path: Path) -> None:
    """As process 1 of a container it inherits what others leave behind."""
    script = "(sleep 0.1 &) ; sleep 0.4; exit 5"
    process, _ = start(script)
    assert process.wait(20) == 5
