"""mod_pywsgi.after_fork without preload=On: as soon as the script is imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from support import wire
from support.daemon import Daemon

from .conftest import logged

Start = Callable[..., Daemon]

REGISTERS = """
import os, mod_pywsgi
after = []

@mod_pywsgi.after_fork
def hook():
    after.append(complete)  # what comes later in the script is there

def application(environ, start_response):
    start_response('200 OK', [])
    return [f"{hook.__name__} {after}".encode()]

complete = os.getpid()
"""


def write(folder: Path, text: str, name: str = "app.wsgi") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_of_a_script_that_is_imported_at_start(daemon: Start, tmp_path: Path) -> None:
    script = write(tmp_path, REGISTERS)
    one = daemon(preloads=[(str(script), "")])
    for _ in range(2):
        assert one.channel().request(script).body == b"hook [%d]" % one.pid


def test_of_a_script_that_a_request_imports(daemon: Start) -> None:
    one = daemon()
    script = one.script(REGISTERS)
    assert one.channel().request(script).body == b"hook [%d]" % one.pid


def test_each_interpreter_has_its_own(daemon: Start) -> None:
    one = daemon()
    script = one.script(REGISTERS)
    for group in ("", "other"):
        answer = one.channel().request(script, group=group)
        assert answer.body == b"hook [%d]" % one.pid


def test_one_that_fails_fails_the_script(daemon: Start) -> None:
    one = daemon()
    script = one.script(
        REGISTERS
        + "mod_pywsgi.after_fork(lambda: after[1])\n"
        + "mod_pywsgi.after_fork(lambda: print('never'))\n"
    )
    answer = one.channel().request(script)
    assert answer.outcome == wire.ERROR
    assert "PYW0105: IndexError" in answer.log
    assert "never" not in answer.log + one.log


def test_of_a_script_that_failed_none_runs_later(daemon: Start, tmp_path: Path) -> None:
    """Else they would run with the next script, on what is half there."""
    fails = write(tmp_path, "import mod_pywsgi\nmod_pywsgi.after_fork(lambda: print('stale'))\n1/0")
    works = write(tmp_path, REGISTERS, "works.wsgi")
    one = daemon(preloads=[(str(fails), ""), (str(works), "")])
    assert one.channel().request(works).body == b"hook [%d]" % one.pid
    assert "stale" not in one.log


def test_only_a_callable_can_be_registered(daemon: Start) -> None:
    one = daemon()
    script = one.script("import mod_pywsgi\nmod_pywsgi.after_fork(5)\n")
    answer = one.channel().request(script)
    assert "TypeError: a callback must be callable, not int" in answer.log


def test_a_function_that_forks_does_not_serve_twice(daemon: Start) -> None:
    one = daemon()
    script = one.script(REGISTERS + "mod_pywsgi.after_fork(lambda: os.fork() or None)\n")
    assert one.channel().request(script).status == 200
    logged(one, "PYW0256")
    assert os.getpid() != one.pid
