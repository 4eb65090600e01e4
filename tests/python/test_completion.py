"""Completion, as somebody at a terminal has it: a real shell, a line, and the Tab key."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mod_pywsgi.options import OPTIONS

PROGRAM = Path(sys.executable).with_name("mod-pywsgi-express")
_PATIENCE = 40  # seconds

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
# What has to be there before the script, and a prompt to wait for.
SET_UP = {
    "bash": "PS1='rea''dy> '; bind 'set bell-style none'; eval \"$(mod-pywsgi-express completion bash)\"",
    "zsh": "PROMPT='rea''dy> '; autoload -Uz compinit && compinit -u -D;"
    ' eval "$(mod-pywsgi-express completion zsh)"',
}

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not installed")


class Terminal:
    """A shell at a terminal."""

    def __init__(self, shell: str, home: Path) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        # Wide: a line that reaches the edge is drawn anew, in parts.
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 500, 0, 0))
        env = {
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }
        self._process = subprocess.Popen(
            SHELLS[shell],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=home,
            start_new_session=True,
        )
        os.close(theirs)
        self._set_up = SET_UP[shell]

    def set_up(self) -> None:
        self.type(f"{self._set_up}\n")
        self.expect("ready> ")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def expect(self, pattern: str) -> None:
        """Read until the terminal shows it, after what was expected before."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern, self.shown)):
            ready, _, _ = select.select([self._ours], [], [], deadline - time.monotonic())
            assert ready, f"no {pattern!r} in\n{self.shown}"
            self.shown += os.read(self._ours, 4096).decode(errors="replace")
        self.shown = self.shown[found.end() :]

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)


@pytest.fixture(params=SHELLS)
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    (tmp_path / "a directory").mkdir()
    (tmp_path / "served.py").touch()
    opened = Terminal(request.param, tmp_path)
    try:
        opened.set_up()
        yield opened
    finally:
        opened.close()


def test_tab_completes(terminal: Terminal) -> None:
    """A command, an option, one of its values, a file: one line, typed a few letters at a time."""
    terminal.type("mod-pywsgi-express module-l\t")
    terminal.expect("module-location")
    terminal.type("\x15mod-pywsgi-express start-s\t")
    terminal.expect("start-server")
    terminal.type("--application-t\t")
    terminal.expect("--application-type")
    terminal.type("mod\t")
    terminal.expect("module")
    terminal.type("--reload-on-c\t")
    terminal.expect("--reload-on-changes")
    terminal.type("serv\t")
    terminal.expect(r"served\.py")
    terminal.type("\x15\n")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("module-l", "module-location"),
        ("start-server --reload-on-c", "--reload-on-changes"),
        ("start-server --application-type mod", "module"),
        ("start-server serv", "served.py"),
    ],
)
def test_fish(tmp_path: Path, line: str, answer: str) -> None:
    """fish can be asked what Tab would show."""
    (tmp_path / "served.py").touch()
    script = f"mod-pywsgi-express completion fish | source; complete -C 'mod-pywsgi-express {line}'"
    shown = subprocess.run(
        ["fish", "-c", script],
        env={"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split()[0] == answer


def offered(*words: str) -> list[str]:
    """What bash is told: kind and value of everything that could stand in place of the last word."""
    answer = subprocess.run(
        [PROGRAM],
        env={
            "PATH": os.environ["PATH"],
            "COMP_WORDS": "\n".join(["mod-pywsgi-express", *words]),
            "COMP_CWORD": str(len(words)),
            "_MOD_PYWSGI_EXPRESS_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.split()


def test_every_option_is_offered() -> None:
    words = offered("start-server", "--")
    for option in OPTIONS:
        assert (f"plain,{option.flag}" in words) is not option.hidden, option.name


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["start-server", "--working-directory", "x"], ["dir,x"]),
        (["start-server", "--include-file", "x"], ["file,x"]),
        (["start-server", "--url-alias", "/static", "x"], ["file,x"]),
        (["start-server", "--config", "x"], ["file,x"]),
        (["start-server", "--application-type", "scr"], ["plain,script"]),
        (["completion", "z"], ["plain,zsh"]),
        (["start-server", "--port", "8"], []),
    ],
)
def test_values(words: list[str], answer: list[str]) -> None:
    assert offered(*words) == answer


def test_the_script_is_all_that_a_pipe_gets() -> None:
    answer = subprocess.run(
        [PROGRAM, "completion", "bash"], capture_output=True, text=True, check=True
    )
    assert answer.stderr == ""
    assert "complete -o nosort -F" in answer.stdout


def test_a_terminal_is_told_where_to_put_it() -> None:
    ours, theirs = pty.openpty()
    answer = subprocess.run(
        [PROGRAM, "completion", "fish"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(theirs)
    os.close(ours)
    assert "~/.config/fish/completions/mod-pywsgi-express.fish" in answer.stderr


def test_another_shell_is_refused() -> None:
    answer = subprocess.run(
        [PROGRAM, "completion", "ksh"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert "'bash', 'zsh', 'fish'" in answer.stderr
