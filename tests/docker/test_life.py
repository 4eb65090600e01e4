"""A container from its start to its end."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import threading

from support import wait
from support.engine import Container

from .conftest import Serve

APP = """
import os, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(float(environ["QUERY_STRING"]))
    if environ["PATH_INFO"] == "/orphan":
        os.system("sleep 0.1 & echo")
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun "
    time.sleep(0.005)
    yield b"%d %d" % (os.getuid(), os.getpid())
"""
FILES = {"app.py": APP}
# Nothing is writable but /tmp, where no program may run; a user that nobody knows, of root's group.
HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--user", "54321:0", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
)


def ask_on(container: Container, is_over: threading.Event) -> tuple[int, list[str]]:
    """Asks until it is over: answers, and what failed. Connections that the server has not accepted
    before it closed its port are no failure: whoever balances the load sends them elsewhere."""
    answered, failed = 0, []
    while not is_over.is_set():
        try:
            connection = container.connect()
        except ConnectionRefusedError:
            return answered, failed
        with contextlib.closing(connection):
            try:
                response = connection.request("GET", "/")
            except (OSError, EOFError) as error:
                if not connection.got_nothing():
                    failed.append(repr(error))
                return answered, failed
            if response.status != 200 or not response.complete:
                failed.append(f"{response.status} {response.body!r}")
            answered += 1
    return answered, failed


def test_stop_under_load_and_start_again(serve: Serve) -> None:
    container = serve("app.py", "--processes", "2", files=FILES, more=HARDENED).await_ready()
    assert container.get("/").text.split()[1] == "54321"
    never = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        load = [pool.submit(ask_on, container, never) for _ in range(4)]
        slow = pool.submit(container.get, "/slow?4")
        wait.until(lambda: " /slow" in stacks(container), "the slow request to run")
        took = container.stop()
        outcomes = [each.result() for each in load]
    assert slow.result().complete
    assert [failed for _, failed in outcomes] == [[]] * 4
    assert all(answered > 5 for answered, _ in outcomes)
    assert took < 8
    assert container.state["ExitCode"] == 0
    assert "stopping: running requests have 7 s" in container.logs()

    container.engine.run("start", container.name)
    container.await_ready()
    assert container.get("/").status == 200


def stacks(container: Container) -> str:
    done = container.engine.run("exec", container.name, "mod-pywsgi-express", "stacks", check=False)
    return done.stdout


def test_a_request_without_end_does_not_outlast_the_grace(serve: Serve) -> None:
    container = serve("app.py", files=FILES).await_ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(container.get, "/slow?100", 30)
        wait.until(lambda: " /slow" in stacks(container), "the slow request to run")
        container.stop()
        assert slow.result().status == 500  # by its process, which had to end
    assert container.state["ExitCode"] == 0  # 137: it was killed


def test_orphans_are_reaped_and_logs_go_to_the_container(serve: Serve) -> None:
    container = serve("app.py", "--access-log", files=FILES).await_ready()
    container.get("/orphan")
    zombies = """
import glob
for path in glob.glob("/proc/[0-9]*/stat"):
    text = open(path).read()
    if text[text.rindex(")") + 2] == "Z":
        print(text)
"""
    wait.until(lambda: container.python(zombies) == "", "no zombie to be left")
    assert '"GET /orphan HTTP/1.1" 200' in container.logs()


def test_logs_in_json(serve: Serve) -> None:
    more = ("--env", "PYWSGI_LOG_JSON=on", "--env", "PYWSGI_ACCESS_LOG=on")
    container = serve("app.py", files=FILES, more=more).await_ready()
    container.get("/asked")

    def asked() -> list[str]:
        return [line for line in container.logs().splitlines() if "/asked" in line]

    wait.until(asked, "the request in the log")
    assert json.loads(asked()[0])["status"] == 200
    starts = [line for line in container.logs().splitlines() if "is ready after" in line]
    assert "is ready" in json.loads(starts[0])["message"]
