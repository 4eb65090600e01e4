"""How the engine sees the health of a container, and what memory it may have."""

from __future__ import annotations

import pytest

from support import wait
from support.engine import Engine

from .conftest import Serve

CHECKS = ("--health-interval=1s", "--health-retries=1", "--health-start-period=1s")
APP = """
import os

def application(environ, start_response):
    if environ["PATH_INFO"] == "/eat":
        hoard = []
        while True:
            hoard.append(bytearray(b"x" * 1000000))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""
# Process 1 has Apache below it, and that has the supervisor.
SUPERVISOR = """
import glob, os, signal
for path in glob.glob("/proc/[0-9]*/comm"):
    if open(path).read().strip() == "pywsgi-superv":
        os.kill(int(path.split("/")[2]), signal.{signal})
"""


def test_it_turns_unhealthy_and_healthy_again(serve: Serve) -> None:
    container = serve("app.py", files={"app.py": APP}, more=CHECKS)
    wait.until(lambda: container.health == "healthy", "it to be healthy", 30)
    container.python(SUPERVISOR.format(signal="SIGSTOP"))
    wait.until(lambda: container.health == "unhealthy", "it to be unhealthy", 30)
    assert "does not answer" in container.state["Health"]["Log"][-1]["Output"]
    container.python(SUPERVISOR.format(signal="SIGCONT"))
    wait.until(lambda: container.health == "healthy", "it to be healthy again", 30)


def test_an_application_that_does_not_import(serve: Serve) -> None:
    container = serve("app.py", files={"app.py": APP + "\nimport nothing\n"}, more=CHECKS)
    wait.until(lambda: container.health == "unhealthy", "it to be unhealthy", 30)
    assert container.is_running
    wait.until(lambda: "No module named 'nothing'" in container.logs(), "the reason in the log")


def test_a_process_that_takes_too_much_memory_is_killed_alone(engine: Engine, serve: Serve) -> None:
    if "true" not in engine.says("info", "--format", "{{.MemoryLimit}}"):
        pytest.skip("the kernel limits no container's memory")
    container = serve(
        *("app.py", "--processes", "2", "--threads", "2"),
        files={"app.py": APP},
        more=("--memory=300m", "--memory-swap=300m"),
    ).await_ready()
    wait.until(lambda: len({container.get("/").text for _ in range(8)}) == 2, "both processes")
    before = {container.get("/").text for _ in range(8)}
    answer = container.get("/eat", timeout=60)
    assert answer.status == 502
    # The other one served on, and another took the place of the one that was killed.
    after: set[str] = set()
    wait.until(lambda: after.add(container.get("/").text) or len(after) == 2, "two processes")
    assert len(before & after) == 1
    assert container.is_running
    assert "SIGKILL" in container.logs()
