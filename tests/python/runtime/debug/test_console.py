"""The debugger and its prompt, in a Python of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

PRELUDE = """
import signal, sys, threading
from mod_pywsgi.runtime.debug import console
# As in Apache: no thread but the one that waits for signals gets them.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
console.attach()
"""


def run(
    tmp_path: Path, source: str, typed: str = "", *, terminal: bool = False, stop: bool = False
) -> str:
    """What a program prints that is typed to; with `stop` it is told to end at its prompt."""
    program = tmp_path / "program.py"
    program.write_text(PRELUDE + textwrap.dedent(source))
    ours, theirs = pty.openpty() if terminal else (None, subprocess.PIPE)
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdin=theirs,
        stdout=theirs if terminal else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TERM": "dumb"},
    )
    if ours is None:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(typed.encode())
        process.stdin.flush()
        reader = process.stdout.fileno()
    else:
        os.close(theirs)  # type: ignore[arg-type]
        reader = ours
    said = b""
    is_typed = False
    while True:
        try:
            piece = os.read(reader, 4096)
        except OSError:  # nobody has the terminal any more
            break
        said += piece
        if not piece:
            break
        if b"(Pdb)" in said and not is_typed:
            is_typed = True
            if stop:
                process.send_signal(signal.SIGTERM)
            elif ours is not None:
                os.write(ours, typed.encode())
    process.communicate()
    if ours is not None:
        os.close(ours)
    return said.decode().replace("\r\n", "\n")


BREAKPOINT = """
def request():
    value = 42
    breakpoint()
    print("went on")
try:
    request()
except BaseException as error:
    print("ended by", type(error).__name__)
"""


def test_breakpoint_without_a_terminal(tmp_path: Path) -> None:
    said = run(tmp_path, BREAKPOINT, "p value + 1\nc\n")
    assert "request()\n-> " in said and "43" in said and "went on" in said


def test_breakpoint_in_a_terminal(tmp_path: Path) -> None:
    said = run(tmp_path, BREAKPOINT, "p value + 1\nc\n", terminal=True)
    assert "43" in said and "went on" in said


def test_quit(tmp_path: Path) -> None:
    assert "ended by BdbQuit" in run(tmp_path, BREAKPOINT, "q\n")


def test_the_prompt_ends_with_the_server(tmp_path: Path) -> None:
    """By what waits on the signal's way to Apache; in a terminal and without."""
    for terminal in (False, True):
        assert "ended by BdbQuit" in run(tmp_path, BREAKPOINT, terminal=terminal, stop=True)


def test_the_terminal_is_left_as_it_was(tmp_path: Path) -> None:
    source = (
        "import termios\nbefore = termios.tcgetattr(1)\n"
        + BREAKPOINT
        + 'print("same", termios.tcgetattr(1) == before)\n'
    )
    said = run(tmp_path, source, terminal=True, stop=True)
    assert "ended by BdbQuit" in said and "same True" in said


def test_breakpoints_hold_in_other_threads(tmp_path: Path) -> None:
    """What is set at the start stops a request, which runs in another thread."""
    (tmp_path / "served.py").write_text(
        "def request(value):\n    other = value\n    return other\n"
    )
    source = """
        import sys, _thread
        served = console.start(lambda: __import__("served"), "served")
        done = threading.Lock()
        done.acquire()
        def thread():
            with console.breakpoints():
                served.request(7)
            sys.settrace(None)
            done.release()
        _thread.start_new_thread(thread, ())
        done.acquire()
        print("done")
    """
    typed = f"b {tmp_path}/served.py:3\nc\np other * 6\nc\n"
    said = run(tmp_path, source, typed)
    assert f"> {tmp_path}/served.py(0)<module>()" in said or f"> {tmp_path}/served.py(1)" in said
    assert f"> {tmp_path}/served.py(3)request()" in said
    assert "42" in said and said.endswith("done\n")


def test_post_mortem(tmp_path: Path) -> None:
    source = """
        def request():
            value = 6
            1 / 0
        try:
            request()
        except ZeroDivisionError as error:
            console.post_mortem(error)
        print("went on")
    """
    said = run(tmp_path, source, "p value * 7\nq\n")
    assert "ZeroDivisionError: division by zero\n" in said
    assert "42" in said and said.endswith("went on\n")


def test_print_goes_to_the_terminal(tmp_path: Path) -> None:
    said = run(tmp_path, "print(sys.stdout.fileno(), sys.stdin.fileno(), sys.stdin.closed)")
    assert said == "1 0 False\n"


def test_pdb_by_name(tmp_path: Path) -> None:
    source = BREAKPOINT.replace("breakpoint()", "import pdb; pdb.set_trace()")
    assert "went on" in run(tmp_path, source, "c\n")
    assert "ended by BdbQuit" in run(tmp_path, source, stop=True)
