"""threads=0: the process runs its scripts as a program, and ends with it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import procs, wait
from support.daemon import DRAINING, Daemon

from .conftest import logged

Start = Callable[..., Daemon]

# Works until it is told to end, and leaves a file for each thing that it does then.
WORKER = """
import atexit, signal, threading, time
from pathlib import Path
HERE = Path(__file__).parent
atexit.register((HERE / 'exit_function').touch)
(HERE / 'handler').write_text(repr(signal.getsignal(signal.SIGTERM)))
(HERE / 'main').write_text(repr(threading.current_thread() is threading.main_thread()))
(HERE / 'name').write_text(__name__)
try:
    (HERE / 'works').touch()
    time.sleep(60)
finally:
    (HERE / 'finally').touch()
"""


@pytest.fixture
def run(daemon: Start, tmp_path: Path) -> Callable[..., Daemon]:
    """Start a group that runs `code`; several are several scripts."""

    def run(*codes: str, group: str = "", **options: object) -> Daemon:
        preloads = []
        for number, code in enumerate(codes):
            path = tmp_path / f"program{number}.py"
            path.write_text(code)
            preloads.append((str(path), group))
        return daemon(preloads=preloads, ready=False, **{"threads": 0, **options})

    return run


def works(tmp_path: Path) -> None:
    wait.until((tmp_path / "works").exists, "the program to work")


def test_it_is_a_program_on_the_main_thread(run: Start, tmp_path: Path) -> None:
    one = run(WORKER)
    works(tmp_path)
    assert (tmp_path / "main").read_text() == "True"
    assert (tmp_path / "handler").read_text() == "<built-in function system_exit>"
    assert (tmp_path / "name").read_text().startswith("_mod_wsgi_")
    assert one.table.capacity == 0
    assert "PYW0086" in logged(one, "main interpreter")
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "drain", "lifeline"])
def test_told_to_end_it_runs_what_it_has_for_that(run: Start, tmp_path: Path, how: str) -> None:
    one = run(WORKER)
    works(tmp_path)
    if how == "lifeline":
        one.cut_lifeline()
    elif how == "drain":
        one.drain()
    else:
        one.signal(signal.Signals[how])
    assert one.wait_end(5) == 0
    assert one.table.report == DRAINING
    assert (tmp_path / "finally").exists()
    assert (tmp_path / "exit_function").exists()
    assert "PYW0088" not in one.log
    assert "PYW0112" not in one.log


def test_sigusr1_wishes_to_be_replaced(run: Start, tmp_path: Path) -> None:
    """The supervisor ends it, and starts another."""
    one = run(WORKER)
    works(tmp_path)
    one.signal(signal.SIGUSR1)
    one.wait_wish(1)
    wait.until(lambda: "PYW0064" in one.log, "the reason in the log")
    assert not (tmp_path / "finally").exists()
    one.drain()
    assert one.wait_end(5) == 0
    assert (tmp_path / "finally").exists()


def test_one_end_is_one_exception(run: Start, tmp_path: Path) -> None:
    code = WORKER + "    time.sleep(0.3)\n    (HERE / 'whole').touch()\n"
    one = run(code)
    works(tmp_path)
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0
    assert (tmp_path / "whole").exists()


def test_a_handler_of_its_own(run: Start, tmp_path: Path) -> None:
    code = """
import signal, time
from pathlib import Path
HERE = Path(__file__).parent
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
(HERE / 'works').touch()
while not told:
    time.sleep(0.01)
(HERE / 'finished').touch()
"""
    one = run(code)
    works(tmp_path)
    one.cut_lifeline()
    assert one.wait_end() == 0
    assert (tmp_path / "finished").exists()


def test_the_signals_are_its_own_whatever_the_directive_says(run: Start, tmp_path: Path) -> None:
    code = """
import signal
from pathlib import Path
signal.signal(signal.SIGUSR2, lambda *_: (Path(__file__).parent / 'told').touch())
signal.raise_signal(signal.SIGUSR2)
"""
    one = run(code)
    assert one.wait_end() == 0
    assert (tmp_path / "told").exists()
    assert "PYW0111" not in one.log


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        ("pass", 0, "PYW0087"),
        ("raise SystemExit", 0, "PYW0087"),
        ("raise SystemExit(0)", 0, "PYW0087"),
        ("raise SystemExit(3)", 3, "PYW0088"),
        ("raise SystemExit('no queue')", 1, "no queue"),
        ("1 / 0", 1, "PYW0088: ZeroDivisionError"),
        ("def", 1, "SyntaxError"),
    ],
)
def test_the_process_ends_with_its_program(run: Start, code: str, status: int, says: str) -> None:
    one = run(code)
    assert one.wait_end() == status
    assert says in one.log
    assert ("Traceback" in one.log) == (status != 0 and code != "def")


def test_a_script_that_is_not_there(daemon: Start) -> None:
    one = daemon(threads=0, preloads=[("/nowhere/worker.py", "")], ready=False)
    assert one.wait_end() == 1
    assert "FileNotFoundError" in one.log
    assert "/nowhere/worker.py" in one.log


def test_several_scripts_are_one_program(run: Start, tmp_path: Path) -> None:
    write = "from pathlib import Path\nopen(Path(__file__).parent / 'ran', 'a').write('{}')\n"
    one = run(write.format(1), write.format(2) + "1 / 0", write.format(3))
    assert one.wait_end() == 1
    assert (tmp_path / "ran").read_text() == "12"


def test_threads_of_a_program_are_waited_for(run: Start, tmp_path: Path) -> None:
    code = """
import threading, time
from pathlib import Path
HERE = Path(__file__).parent
def work():
    while not (HERE / 'go').exists():
        time.sleep(0.01)
    (HERE / 'done').touch()
threading.Thread(target=work).start()
"""
    one = run(code)
    logged(one, "PYW0087")
    wait.holds(lambda: one.process.poll() is None, "the process is there", 0.3)
    (tmp_path / "go").touch()
    assert one.wait_end() == 0
    assert (tmp_path / "done").exists()


def test_the_end_while_it_waits_for_its_threads(run: Start, tmp_path: Path) -> None:
    code = """
import atexit, threading, time
from pathlib import Path
HERE = Path(__file__).parent
atexit.register((HERE / 'exit_function').touch)
threading.Thread(target=time.sleep, args=[30]).start()
"""
    one = run(code)
    logged(one, "PYW0087")
    one.signal(signal.SIGTERM)
    assert one.wait_end(5) == 0
    assert (tmp_path / "exit_function").exists()
    assert "PYW0112" not in one.log


def test_one_that_does_not_end_is_ended(run: Start, tmp_path: Path) -> None:
    code = WORKER.replace("time.sleep(60)", "time.sleep(60)\nexcept SystemExit: time.sleep(60)")
    one = run(code, shutdown_timeout=1)
    works(tmp_path)
    one.signal(signal.SIGTERM)
    assert one.wait_end(10) == 0
    assert "PYW0089" in one.log
    assert "program0.py" in one.log.split("PYW0089")[1]


def test_another_interpreter(run: Start, tmp_path: Path) -> None:
    """No signal reaches it; the exception comes between two steps."""
    code = WORKER.replace("time.sleep(60)", "while True: time.sleep(0.01)")
    one = run(code, group="other")
    works(tmp_path)
    assert "sub-interpreter 'other'" in one.log
    one.signal(signal.SIGTERM)
    assert one.wait_end(5) == 0
    assert (tmp_path / "finally").exists()
    assert (tmp_path / "exit_function").exists()


def test_told_to_end_between_two_scripts(daemon: Start, tmp_path: Path) -> None:
    """While the interpreter of the second is made, nothing is there to be interrupted."""
    (tmp_path / "slow.pth").write_text("import time; time.sleep(0.5)")
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text("from pathlib import Path\nPath(__file__).with_name('works').touch()")
    second.write_text("import time\nwhile True: time.sleep(0.01)")
    one = daemon(
        preloads=[(str(first), ""), (str(second), "other")],
        ready=False,
        threads=0,
        python_path=str(tmp_path),
    )
    works(tmp_path)
    time.sleep(0.1)  # the first returns meanwhile
    one.signal(signal.SIGTERM)
    assert one.wait_end(4) == 0


def test_what_it_forks_does_not_go_on_as_a_server(run: Start, tmp_path: Path) -> None:
    code = """
import os
from pathlib import Path
pid = os.fork()
if pid != 0:
    (Path(__file__).parent / 'status').write_text(str(os.waitpid(pid, 0)[1]))
"""
    one = run(code)
    assert one.wait_end() == 0
    assert (tmp_path / "status").read_text() == "0"
    assert one.log.count("PYW0087") == 2
    assert "PYW0256" not in one.log


def test_events_of_the_process(run: Start, tmp_path: Path) -> None:
    code = """
import mod_wsgi, time
from pathlib import Path
HERE = Path(__file__).parent
def note(name, **fields):
    (HERE / 'events').open('a').write(f"{name} {fields.get('signame')} {fields.get('shutdown_reason')}\\n")
mod_wsgi.subscribe_events(note)
mod_wsgi.subscribe_signals(note)
mod_wsgi.subscribe_shutdown(note)
(HERE / 'works').touch()
time.sleep(60)
"""
    one = run(code)
    works(tmp_path)
    one.signal(signal.SIGHUP)
    wait.until((tmp_path / "events").exists, "the event")
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0
    lines = (tmp_path / "events").read_text().splitlines()
    assert "process_signal SIGHUP None" in lines
    assert "process_stopping None shutdown_signal" in lines


def test_the_module_says_what_it_is(run: Start, tmp_path: Path) -> None:
    code = """
import mod_wsgi
from pathlib import Path
(Path(__file__).parent / 'facts').write_text(
    repr([mod_wsgi.process_group, mod_wsgi.application_group, mod_wsgi.threads_per_process]))
"""
    one = run(code)
    assert one.wait_end() == 0
    assert (tmp_path / "facts").read_text() == repr(["test", "", 0])


def test_a_limit_of_age(run: Start, tmp_path: Path) -> None:
    one = run(WORKER, restart_interval=1)
    works(tmp_path)
    one.wait_wish(1)
    assert "PYW0067" in one.log
    one.drain()
    assert one.wait_end(5) == 0
    assert (tmp_path / "finally").exists()


def test_its_orphans_are_none(run: Start, tmp_path: Path) -> None:
    one = run(WORKER)
    works(tmp_path)
    os.kill(one.pid, signal.SIGKILL)
    one.wait_end()
    assert not procs.alive(one.pid)
