"""preload=On: a zygote imports, and forks the processes that serve."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import procs, wait, wire
from support.daemon import DRAINING
from support.zygote import Forked, Zygote

from .conftest import logged

Start = Callable[..., Zygote]

# What the process was at import, what hooks did, and what it is now.
TELL = """
import gc, json, os, random, signal, threading
import mod_wsgi
imported_in = os.getpid()
after = []

@mod_wsgi.after_fork
def first():
    after.append(['first', os.getpid(), threading.current_thread() is threading.main_thread()])

@mod_wsgi.after_fork
def second():
    after.append(['second', os.getpid(), True])

def application(environ, start_response):
    start_response('200 OK', [])
    main = threading.main_thread()
    return [json.dumps({
        'pid': os.getpid(), 'imported_in': imported_in, 'after': after,
        'random': random.random(), 'frozen': gc.get_freeze_count(),
        'main': [main.ident in threading._active, main.native_id],
        'threads': [t.name for t in threading.enumerate()],
        'environ': {k: v for k, v in environ.items() if isinstance(v, str)},
    }).encode()]
"""

UNRESTRICTED: dict[str, str | bytes] = {"python:rule": "1", "python:rule:WSGIRestrictSignal": "Off"}


def write(folder: Path, text: str, name: str = "app.wsgi") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def tell(forked: Forked, script: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(forked.get(script))
    return told


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write(tmp_path, TELL)


def test_it_imports_once_and_forks_processes_that_serve(zygote: Start, script: Path) -> None:
    one = zygote(script)
    assert one.word == b"R"
    forks = [one.ready_fork(slot) for slot in range(3)]
    told = [tell(fork, script) for fork in forks]
    assert [fact["pid"] for fact in told] == [fork.pid for fork in forks]
    assert {fact["imported_in"] for fact in told} == {one.pid}
    assert len({fact["random"] for fact in told}) == 3
    assert all(fact["frozen"] > 1000 for fact in told)
    assert all(fact["main"] == [True, fork.pid] for fact, fork in zip(told, forks, strict=True))
    assert [fork.capacity for fork in forks] == [2, 2, 2]


def test_what_after_fork_registered_runs_in_each_in_order(zygote: Start, script: Path) -> None:
    one = zygote(script)
    for slot in range(2):
        fork = one.ready_fork(slot)
        expected = [["first", fork.pid, True], ["second", fork.pid, True]]
        assert tell(fork, script)["after"] == expected


def test_they_are_nobody_elses_children(zygote: Start, script: Path) -> None:
    """The supervisor, here: this process, gets them as orphans; each has a session of its own."""
    one = zygote(script)
    fork = one.ready_fork()
    assert procs.parent(fork.pid) == os.getpid()
    assert procs.session(fork.pid) == fork.pid
    assert not procs.children(one.pid)


def test_the_zygote_may_die_and_they_go_on(zygote: Start, script: Path) -> None:
    one = zygote(script)
    fork = one.ready_fork()
    one.signal(signal.SIGKILL)
    one.wait_end()
    assert tell(fork, script)["imported_in"] == one.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_zygote_ends_when_it_is_told(zygote: Start, script: Path, number: signal.Signals) -> None:
    one = zygote(script)
    one.signal(number)
    assert one.wait_end() == 0


def test_a_zygote_ends_with_its_lifeline_and_they_with_theirs(zygote: Start, script: Path) -> None:
    one = zygote(script)
    fork = one.ready_fork()
    one.cut_lifeline()
    assert one.wait_end() == 0
    assert procs.alive(fork.pid)
    fork.lifeline.close()
    assert fork.wait_end() == 0


def test_they_hear_their_own_signals_and_words(zygote: Start, script: Path) -> None:
    one = zygote(script)
    forks = [one.ready_fork(slot) for slot in range(2)]
    os.kill(forks[0].pid, signal.SIGTERM)
    assert forks[0].wait_end() == 0
    forks[1].lifeline.sendall(b"D")
    wait.until(lambda: forks[1].report >= DRAINING, "the report")
    assert forks[1].wait_end() == 0
    assert tell(one.ready_fork(0, 2), script)["imported_in"] == one.pid


def test_descriptors_are_their_own(zygote: Start, script: Path) -> None:
    """Nothing of an order stays in the zygote; a fork has no more than a daemon has."""
    one = zygote(script)
    before = one.descriptors()
    forks = [one.ready_fork(slot) for slot in range(3)]
    assert one.descriptors() == before
    counts = {len(procs.fds(fork.pid)) for fork in forks}
    assert len(counts) == 1, counts
    links = [os.readlink(f"/proc/{fork.pid}/fd/{number}") for fork in forks for number in (2, 5, 6)]
    assert len(set(links)) == len(links)


def test_each_writes_to_its_own_log(zygote: Start, tmp_path: Path) -> None:
    script = write(
        tmp_path,
        TELL + "print('imported')\nmod_wsgi.after_fork(lambda: print('forked', os.getpid()))\n",
    )
    one = zygote(script)
    forks = [one.ready_fork(slot) for slot in range(2)]
    for fork in forks:
        wait.until(lambda fork=fork: f"forked {fork.pid}" in fork.log, "its line")
        assert "imported" not in fork.log
    assert "imported" in one.log
    assert "forked" not in one.log


def test_a_line_without_an_end_is_not_written_by_each(zygote: Start, tmp_path: Path) -> None:
    script = write(tmp_path, TELL + "import sys\nsys.stdout.write('half a line')\n")
    one = zygote(script)
    fork = one.ready_fork()
    tell(fork, script)
    fork.lifeline.close()
    fork.wait_end()
    assert "half a line" in one.log
    assert "half a line" not in fork.log


def test_a_function_that_fails_ends_the_process(zygote: Start, tmp_path: Path) -> None:
    text = TELL + "import mod_wsgi\nmod_wsgi.after_fork(lambda: 1 / 0)\n"
    script = write(tmp_path, text)
    one = zygote(script)
    fork = one.fork()
    assert fork.wait_end() == 1, fork.log
    assert "PYW0130" in fork.log
    assert "ZeroDivisionError" in fork.log
    successor = one.fork(0, 2, must_load=True)
    assert successor.wait_end() == 3


def test_threads_of_the_import_are_named_as_missing(zygote: Start, tmp_path: Path) -> None:
    text = (
        "import threading\n"
        "for name in ('poller', 'cleaner'):\n"
        "    threading.Thread(target=threading.Event().wait, name=name, daemon=True).start()\n"
    )
    script = write(tmp_path, text + TELL)
    one = zygote(script)
    logged(one, "PYW0129: Each of 2 threads (poller, cleaner) runs in the process that")
    assert "poller" not in tell(one.ready_fork(), script)["threads"]


def test_a_script_that_fails_is_told_once(zygote: Start, tmp_path: Path) -> None:
    script = write(tmp_path, "raise LookupError('no such luck')\n")
    one = zygote(script)
    assert one.word == b"L"
    logged(one, "no such luck")
    fork = one.ready_fork()
    assert "no such luck" not in fork.log
    assert fork.channel().request(script).outcome == wire.ERROR


def test_a_zygote_that_replaces_another_has_to_load(zygote: Start, tmp_path: Path) -> None:
    """What those that it replaces had loaded, that is."""
    script = write(tmp_path, "raise LookupError('no such luck')\n")
    one = zygote(script, entries={"must-load": "1"})
    assert one.word == b"L"
    one = zygote(script, entries={"must-load": "1"}, loaded=script, ready=False)
    assert one.wait_end() == 3
    assert one.log.count("no such luck") == 2  # the line, and the exception of its traceback


def test_it_imports_what_was_loaded_before(zygote: Start, script: Path) -> None:
    """By a process of the group that is gone now, when a request came for it."""
    one = zygote(loaded=script)
    assert one.word == b"R"
    assert tell(one.ready_fork(), script)["imported_in"] == one.pid


def test_an_application_that_forks_is_still_kept_from_serving(
    zygote: Start, tmp_path: Path
) -> None:
    text = TELL + (
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os.waitpid(child, 0)\n"
        "    return [str(child).encode()]\n"
    )
    script = write(tmp_path, text)
    fork = zygote(script).ready_fork()
    assert int(fork.get(script)) > 0
    wait.until(lambda: "PYW0256" in fork.log, "the word about the fork")


def test_signals_stay_the_servers(zygote: Start, tmp_path: Path) -> None:
    text = TELL + "mod_wsgi.after_fork(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))\n"
    script = write(tmp_path, text)
    fork = zygote(script).ready_fork()
    os.kill(fork.pid, signal.SIGTERM)
    assert fork.wait_end() == 0


def test_handlers_of_the_application_go_along(zygote: Start, tmp_path: Path) -> None:
    text = TELL + (
        "def handler(number, frame):\n"
        "    print('handled', number, 'in', os.getpid())\n"
        "signal.signal(signal.SIGTERM, handler)\n"
    )
    script = write(tmp_path, text)
    fork = zygote(script, entries=UNRESTRICTED).ready_fork()
    os.kill(fork.pid, signal.SIGTERM)
    pid = fork.pid
    assert fork.wait_end() == 0
    assert f"handled {int(signal.SIGTERM)} in {pid}" in fork.log


@pytest.mark.parametrize("is_preload", [True, False])
def test_atexit_functions_run_at_their_end(
    zygote: Start, daemon: Callable[..., Any], tmp_path: Path, is_preload: bool
) -> None:
    text = TELL + "import atexit\natexit.register(lambda: print('left', os.getpid()))\n"
    script = write(tmp_path, text)
    if is_preload:
        fork = zygote(script).ready_fork()
        tell(fork, script)
        pid = fork.pid
        fork.lifeline.close()
    else:
        fork = daemon(preloads=[(str(script), "")])
        pid = fork.pid
        fork.cut_lifeline()
    fork.wait_end()
    assert f"left {pid}" in fork.log
