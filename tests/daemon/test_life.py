"""The end of a process: drained, orphaned, told twice; nothing is lost and nothing stays."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import procs, wait, wire
from support.daemon import DRAINING, READY, Daemon

from .conftest import HELLO

Start = Callable[..., Daemon]
Started = tuple[Daemon, Path]

# Says that it runs, and ends when it may.
SLOW = """
import time
from pathlib import Path
def application(environ, start_response):
    here = Path(__file__).parent
    (here / 'running').touch()
    for _ in range(2000):
        if (here / 'may_end').exists():
            break
        time.sleep(0.01)
    start_response('200 OK', [])
    return [b'finished']
"""


def start_slow(daemon: Daemon) -> wire.Channel:
    script = daemon.script(SLOW, "slow.wsgi")
    channel = daemon.channel(timeout=30)
    channel.start(script)
    wait.until((daemon.root / "running").exists, "the application to run")
    return channel


def let_end(daemon: Daemon) -> None:
    (daemon.root / "may_end").touch()


def tell_end(daemon: Daemon, how: str) -> None:
    if how == "drain":
        daemon.drain()
    else:
        daemon.signal(signal.Signals[how])


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "drain"])
def test_an_idle_process_ends_at_once(hello: Started, how: str) -> None:
    daemon, script = hello
    channel = daemon.channel()
    channel.request(script)
    began = time.monotonic()
    tell_end(daemon, how)
    assert daemon.wait_end() == 0
    assert time.monotonic() - began < 3
    assert daemon.table.report == DRAINING
    assert channel.is_closed()


@pytest.mark.parametrize("how", ["SIGTERM", "drain"])
def test_a_running_request_is_finished(hello: Started, how: str) -> None:
    daemon, script = hello
    idle = daemon.channel()
    idle.request(script)
    busy = start_slow(daemon)
    tell_end(daemon, how)
    wait.until(lambda: daemon.table.report == DRAINING, "the report")
    assert idle.is_closed()
    let_end(daemon)
    answer = busy.collect()
    assert (answer.body, answer.outcome) == (b"finished", wire.OK)
    assert daemon.wait_end() == 0


def test_what_outlasts_the_grace_is_cut_with_a_word(daemon: Start) -> None:
    one = daemon()
    busy = start_slow(one)
    one.signal(signal.SIGTERM)
    answer = busy.collect()
    assert answer.outcome == wire.ERROR
    assert "PYW0059" in answer.log
    assert "GET /" in answer.log
    let_end(one)
    assert one.wait_end() == 0
    assert "PYW0061" in one.log


def test_the_second_signal_ends_it_at_once(daemon: Start) -> None:
    one = daemon()
    busy = start_slow(one)
    one.signal(signal.SIGTERM)
    wait.until(lambda: one.table.report == DRAINING, "the report")
    one.signal(signal.SIGTERM)
    assert one.wait_end(3) == 0
    assert busy.collect().closed


def test_sigusr1_wishes_a_successor_and_serves_on(hello: Started) -> None:
    daemon, script = hello
    channel = daemon.channel()
    channel.request(script)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_wish(1)
    assert channel.request(script).status == 200
    daemon.drain()
    assert daemon.wait_end() == 0


def test_signals_that_mean_nothing_yet(hello: Started) -> None:
    daemon, script = hello
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGPIPE):
        daemon.signal(number)
    assert daemon.channel().request(script).status == 200


def test_no_request_is_lost_between_idle_and_closed(daemon: Start) -> None:
    """Whatever a child sends while the process drains, it learns whether that ran."""
    one = daemon(threads=4)
    script = one.script(HELLO)
    channels = [one.channel() for _ in range(20)]
    for channel in channels:
        channel.request(script)
    served_before = one.table.served
    seen = {"answered": 0, "refused": 0, "not sent": 0, "unknown": 0}
    lock = threading.Lock()

    def hammer(channel: wire.Channel) -> None:
        while True:
            try:
                channel.start(script)
            except OSError:
                outcome = "not sent"
            else:
                answer = channel.collect()
                if not answer.closed:
                    outcome = "refused" if answer.types == ["REFUSE"] else "answered"
                else:
                    outcome = "unknown"
            with lock:
                seen[outcome] += 1
            if outcome != "answered":
                return

    threads = [threading.Thread(target=hammer, args=(channel,)) for channel in channels]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    one.drain()
    for thread in threads:
        thread.join()
    assert seen["unknown"] == 0, seen
    assert one.table.served - served_before == seen["answered"]
    assert one.wait_end() == 0


def test_who_comes_while_it_drains_is_sent_away(daemon: Start) -> None:
    """Left in the backlog, it would wait until the process has ended."""
    one = daemon()
    busy = start_slow(one)
    one.drain()
    wait.until(lambda: one.table.report == DRAINING, "the report")
    with socket.socket(socket.AF_UNIX) as late:
        late.settimeout(10)
        late.connect(str(one.path))
        assert late.recv(1) == b""
    let_end(one)
    assert busy.collect().body == b"finished"
    assert one.wait_end() == 0


def test_without_its_supervisor_it_ends(hello: Started) -> None:
    daemon, script = hello
    daemon.channel().request(script)
    daemon.cut_lifeline()
    assert daemon.wait_end(3) == 0


def test_without_its_supervisor_it_finishes_what_runs(daemon: Start) -> None:
    one = daemon()
    busy = start_slow(one)
    one.cut_lifeline()
    wait.until(lambda: one.table.report == DRAINING, "the report")
    let_end(one)
    assert busy.collect().body == b"finished"
    assert one.wait_end() == 0


@pytest.mark.parametrize("how", ["lifeline", "signal"])
def test_it_ends_while_it_still_starts(daemon: Start, tmp_path: Path, how: str) -> None:
    """An import that hangs keeps no orphan alive."""
    script = tmp_path / "hang.wsgi"
    script.write_text(
        f"import pathlib, time\npathlib.Path({str(tmp_path)!r}, 'on').touch()\ntime.sleep(60)\n"
    )
    one = daemon(preloads=[(str(script), "")], ready=False)
    wait.until((tmp_path / "on").exists, "the import to run")
    if how == "lifeline":
        one.cut_lifeline()
    else:
        one.signal(signal.SIGTERM)
    assert one.wait_end(3) == 0


def test_exit_functions_run(hello: Started) -> None:
    daemon, _script = hello
    script = daemon.script(
        "import atexit, pathlib\natexit.register(pathlib.Path(__file__).with_name('ended').touch)\n"
        + HELLO,
        "exit.wsgi",
    )
    assert daemon.channel().request(script, group="another").status == 200
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_end() == 0
    assert (daemon.root / "ended").exists()


def test_exit_functions_that_hang_do_not_keep_it(hello: Started) -> None:
    daemon, _script = hello
    script = daemon.script(
        "import atexit, time\natexit.register(time.sleep, 60)\n" + HELLO,
        "exit.wsgi",
    )
    assert daemon.channel().request(script).status == 200
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_end(12) == 0
    assert "PYW0062" in daemon.log


def test_a_crash_is_a_crash(hello: Started) -> None:
    daemon, _script = hello
    script = daemon.script(
        "import os\ndef application(environ, start_response):\n    os.abort()\n",
        "crash.wsgi",
    )
    channel = daemon.channel()
    answer = channel.request(script)
    assert answer.closed
    assert daemon.wait_end() == -signal.SIGABRT


def test_a_changed_script_wishes_successors_and_serves_on(daemon: Start) -> None:
    one = daemon()
    script = one.script(HELLO)
    channel = one.channel()
    assert channel.request(script, flags=wire.RELOAD).status == 200
    busy = start_slow(one)
    one.script(HELLO.replace("World", "again"))
    # Without the flag nothing is compared (WSGIScriptReloading Off).
    assert channel.request(script).body == b"Hello World!"
    assert one.table.wish == 0
    assert channel.request(script, flags=wire.RELOAD).body == b"Hello World!"
    one.wait_wish(2)
    assert one.table.report == READY
    one.drain()
    wait.until(lambda: one.table.report == DRAINING, "the report")
    let_end(one)
    assert busy.collect().body == b"finished"
    assert one.wait_end() == 0


def test_what_an_import_forks_keeps_nothing(daemon: Start, tmp_path: Path) -> None:
    """Not the listener, or it would take connections that nobody answers; nor the lifeline."""
    script = tmp_path / "app.wsgi"
    script.write_text(
        f"""
import os
if os.fork() == 0:
    names = [os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")
             if os.path.lexists("/proc/self/fd/" + fd)]
    with open({str(tmp_path / "kept")!r}, "w") as file:
        file.write(chr(10).join(names))
    os._exit(0)
os.wait()
{HELLO}"""
    )
    one = daemon(preloads=[(str(script), "")])
    assert one.channel().request(script).status == 200
    kept = (tmp_path / "kept").read_text()
    assert kept
    assert "socket:" not in kept, kept


def test_programs_of_the_application_inherit_nothing(hello: Started) -> None:
    daemon, _script = hello
    script = daemon.script(
        """
import subprocess
def application(environ, start_response):
    words = ['sh', '-c', 'ls -l /proc/self/fd; grep -E "Sig(Blk|Ign)" /proc/self/status']
    start_response('200 OK', [])
    return [subprocess.run(words, capture_output=True).stdout]
""",
        "spawn.wsgi",
    )
    text = daemon.channel().request(script).body.decode()
    assert "socket:" not in text
    assert "memfd" not in text
    assert "eventpoll" not in text
    blocked = [line.split()[1] for line in text.splitlines() if line.startswith("SigBlk")]
    assert int(blocked[0], 16) == 0


def test_nothing_of_it_is_left(hello: Started) -> None:
    daemon, script = hello
    daemon.channel().request(script)
    assert procs.alive(daemon.pid)
    os.kill(daemon.pid, signal.SIGTERM)
    daemon.wait_end()
    assert not procs.children(daemon.pid)
