"""Starting: what the program says of itself, and of what is wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.daemon import READY, Daemon

from .conftest import HELLO

Start = Callable[..., Daemon]


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=10, check=False
    )


def test_version(program: Path) -> None:
    done = run(program, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("pywsgi-daemon ")
    assert "Python 3." in done.stdout


def test_help(program: Path) -> None:
    done = run(program, "--help")
    assert done.returncode == 0
    assert "mod-pywsgi-express start-server" in done.stdout


def test_run_by_hand_it_says_what_to_run(program: Path) -> None:
    done = run(program)
    assert done.returncode == 2
    assert "mod-pywsgi-express start-server" in done.stderr


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"colour": "red"}, "PYW0051"),
        ({"slot": "99"}, "PYW0051"),
        ({"option:threads": "-1"}, "PYW0051"),
        ({"option:python-home": "/nowhere/venv"}, "/nowhere/venv"),
    ],
)
def test_a_setup_that_is_wrong(daemon: Start, entries: dict[str, str | bytes], says: str) -> None:
    one = daemon(entries=entries, ready=False)
    assert one.wait_end() == 1
    assert says in one.log
    assert "Traceback" not in one.log


def test_ready_is_said_after_the_preload(daemon: Start, tmp_path: Path) -> None:
    script = tmp_path / "app.wsgi"
    script.write_text("import time\ntime.sleep(0.5)\n" + HELLO)
    one = daemon(preloads=[(str(script), "")])
    assert one.table.report == READY
    assert one.table.capacity == 2
    answer = one.channel().request(script)
    assert answer.types == ["HEAD", "DATA", "END"]  # no LOG: it was loaded before
    assert answer.one("END").wall_us < 400_000


def test_a_preload_that_fails_leaves_a_process_that_answers(daemon: Start, tmp_path: Path) -> None:
    script = tmp_path / "broken.wsgi"
    script.write_text("import no_such_module_at_all\n")
    one = daemon(preloads=[(str(script), "")])
    answer = one.channel().request(script)
    assert answer.outcome == 1
    assert "HEAD" not in answer.types
    assert "no_such_module_at_all" in one.log


def test_threads_and_their_stacks(daemon: Start) -> None:
    one = daemon(threads=40, stack_size=1 << 20)
    assert one.table.capacity == 40
    assert one.channel().request(one.script(HELLO)).status == 200
