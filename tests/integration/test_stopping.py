"""How a server of express ends where no terminal is: as a service, and as process 1 of a container."""

from __future__ import annotations

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess

import pytest

from support import inline, procs, wait
from support.express import Express, environment, expect
from support.httpd import HttpdInstance, Settings
from support.waiting import ROUTES, WAIT

from .test_limits import wrapped

pytestmark = pytest.mark.no_asan

# /wait says in the file `running` that it runs, and goes on once there is a file `go`.
APP = """
import os, subprocess, time
from urllib.parse import unquote

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/wait":
        open("running", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    if environ["PATH_INFO"] == "/orphan":
        subprocess.run(["sh", "-c", "sleep 0.2 & echo $! > orphan"])
    if environ["PATH_INFO"] == "/zombies":
        states = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    text = open("/proc/" + name + "/stat").read()
                except OSError:
                    continue
                states.append(text[text.rindex(")") + 2] + name)
        return [" ".join(states).encode()]
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def serving(express: Express):
    """A server of APP, and a request to it that runs."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def begin(*words: str):
            express.write("app.py", APP)
            express.site.chmod(0o777)
            express.start("app.py", *words)
            slow = pool.submit(express.get, "/wait")
            wait.until((express.site / "running").exists, "the request to run")
            return express, slow

        yield begin
        (express.site / "go").touch()


def told(express: Express, number: int = signal.SIGTERM) -> None:
    assert express.process is not None
    express.process.send_signal(number)


def is_refused(express: Express) -> bool:
    try:
        express.get("/")
    except ConnectionRefusedError:
        return True
    except (OSError, EOFError):
        pass  # taken just before the port was closed
    return False


def test_running_requests_finish_and_new_ones_are_refused(serving) -> None:
    express, slow = serving("--stop-timeout", "60")
    family = procs.descendants(express.process.pid)
    told(express)
    expect(express, "running requests have 60 s")
    wait.until(lambda: is_refused(express), "the port to be closed")
    wait.holds(lambda: not slow.done() and express.daemons(), "it goes on", 2)
    (express.site / "go").touch()
    assert slow.result(20).status == 200
    assert express.wait() == 0
    express._require_gone(family)
    # Nothing is amiss: the application was loaded, and that is all.
    assert set(re.findall(r"PYW\d+", express.error_log)) <= {"PYW0103"}


@pytest.mark.option("stop-timeout")
def test_stop_timeout_ends_it(serving) -> None:
    express, slow = serving("--stop-timeout", "1", "--shutdown-timeout", "1")
    family = procs.descendants(express.process.pid)
    told(express)
    assert express.wait() == 0
    express._require_gone(family)
    assert is_cut(slow)


def test_a_second_signal_ends_it_at_once(serving) -> None:
    express, slow = serving("--stop-timeout", "600", "--shutdown-timeout", "1")
    told(express)
    expect(express, "running requests have 600 s")
    told(express)
    assert express.wait() == 0
    assert is_cut(slow)


def test_without_stop_timeout_requests_are_cut(serving) -> None:
    express, slow = serving("--stop-timeout", "0", "--shutdown-timeout", "1")
    told(express)
    assert express.wait() == 0
    assert is_cut(slow)


def is_cut(slow) -> bool:
    try:
        return slow.result(20).status >= 500
    except (EOFError, OSError):
        return True


def test_sigwinch_is_a_graceful_stop_too(serving) -> None:
    """As for Apache itself: images of it have STOPSIGNAL SIGWINCH."""
    express, slow = serving("--stop-timeout", "60")
    told(express, signal.SIGWINCH)
    wait.until(lambda: is_refused(express), "the port to be closed")
    assert not slow.done()
    (express.site / "go").touch()
    assert slow.result(20).status == 200
    assert express.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_restarts_reach_apache(express: Express, number: int) -> None:
    express.write("app.py", APP)
    express.start("app.py")
    before = express.get("/").text
    told(express, number)

    def is_new() -> bool:
        try:
            return express.get("/").text != before
        except (OSError, EOFError):
            return False

    wait.until(is_new, "a new generation", 20)
    assert express.stop() == 0


def test_nothing_outlives_a_runner_that_is_killed(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py")
    family = procs.descendants(express.process.pid)
    assert len(family) > 2
    express.process.kill()
    assert express.wait() == -signal.SIGKILL
    express._require_gone(family)


def test_an_end_in_failure_shows_the_log(express: Express) -> None:
    """A container has nothing but its output to tell."""
    express.write("app.py", APP)
    express.write("more.conf", "ErrorLogFormat %M\nPidFile /nonexistent/directory/httpd.pid\n")
    done = express.refused("app.py", "--include-file", "more.conf")
    assert done.returncode != 0
    assert "/nonexistent/directory" in done.stderr


# Process 1


@pytest.fixture
def container(express: Express):
    """The server as process 1 of a PID namespace; its outer parent is `unshare`."""
    express.program = (
        shutil.which("unshare") or "unshare",
        *("--pid", "--fork", "--kill-child", "--mount-proc", *express.program),
    )
    express.write("app.py", APP)
    express.site.chmod(0o777)
    return express


def first(express: Express) -> int:
    """Process 1, by its number outside."""
    [inside] = procs.children(express.process.pid)
    return inside


@pytest.mark.mounts
def test_process_1_stops_gracefully(container: Express) -> None:
    container.start("app.py", "--stop-timeout", "60")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(container.get, "/wait")
        wait.until((container.site / "running").exists, "the request to run")
        family = procs.descendants(container.process.pid)
        os.kill(first(container), signal.SIGTERM)
        wait.until(lambda: is_refused(container), "the port to be closed")
        assert not slow.done()
        (container.site / "go").touch()
        assert slow.result(20).status == 200
    assert container.wait() == 0
    container._require_gone(family)


@pytest.mark.mounts
def test_process_1_may_be_stopped_before_it_serves(container: Express) -> None:
    """The kernel gives process 1 no signal that it has no handler for."""
    slow = container.write("httpd", "#!/bin/sh\ntouch asked\nexec sleep 60\n")
    slow.chmod(0o755)
    process = subprocess.Popen(
        container.command("start-server", "app.py", "--server-root", str(container.root)),
        cwd=container.site,
        env={**environment(container.artifacts, {}), "HTTPD": str(slow)},
        stderr=subprocess.PIPE,
    )
    procs.own(process.pid)
    wait.until((container.site / "asked").exists, "it to look for Apache")
    [inside] = procs.children(process.pid)
    os.kill(inside, signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    procs.disown(process.pid)
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.mounts
def test_process_1_collects_what_is_left_to_it(container: Express) -> None:
    """What an application starts and forgets becomes its child, and no zombie."""
    container.start("app.py")
    assert container.get("/orphan").status == 200
    number = (container.site / "orphan").read_text().strip()
    assert number.isdigit()

    def states() -> list[str]:
        return container.get("/zombies").text.split()

    wait.until(lambda: number not in {state[1:] for state in states()}, "it to be collected")
    assert not [state for state in states() if state.startswith("Z")]
    os.kill(first(container), signal.SIGTERM)
    assert container.wait() == 0


@pytest.mark.mounts
def test_apache_as_process_1_with_its_own_signal(servers, around) -> None:
    """Without express: STOPSIGNAL SIGWINCH and GracefulShutdownTimeout (docs/signals.md)."""
    settings = Settings(extra=f"WSGIDaemonProcess web\nGracefulShutdownTimeout 60\n{ROUTES}")
    unshare = wrapped(around, "unshare --pid --fork --kill-child --mount-proc")
    server = HttpdInstance(unshare, settings).start()
    [inside] = procs.children(server.pid)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        code = WAIT + 'start_response("200 OK", [])\nreturn [b"finished"]'
        slow = pool.submit(inline.run, server, code)
        wait.until((server.scratch / "running").exists, "the request to run")
        os.kill(inside, signal.SIGWINCH)
        wait.until(lambda: server.log.find("AH00492|shutting down gracefully"), "it to begin")
        (server.scratch / "go").touch()
        assert slow.result(20).text == "finished"
    assert server.process.wait(20) == 0
    assert server.stop() == []
    server.remove()
