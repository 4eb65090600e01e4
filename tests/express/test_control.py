"""The commands for a server that runs: as people use them, with their exit codes."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal

import pytest

from support import procs, wait
from support.express import NOBODY, Express

pytestmark = pytest.mark.no_asan

VERSIONED = """
import os, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open({mark!r}, "w").close()
        while not os.path.exists({go!r}):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{version}"]
"""


def put(express: Express, version: str) -> None:
    marks = express.site / "marks"
    marks.mkdir(exist_ok=True)
    marks.chmod(0o777)
    text = VERSIONED.format(mark=str(marks / "mark"), go=str(marks / "go"), version=version)
    express.write("app.py", text)


def where(express: Express) -> list[str]:
    return ["--server-root", str(express.root)]


def run(express: Express, command: str, *words: str, code: int = 0, **more: object) -> str:
    done = express.run(command, *words, *where(express), **more)  # type: ignore[arg-type]
    assert done.returncode == code, (done, express.story())
    assert "Traceback (most" not in done.stderr or "[pid" in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def served(express: Express) -> Express:
    put(express, "one")
    express.start("app.py", "--processes", "2")
    assert express.get().text == "one"
    wait.until(lambda: "2 of 2 processes ready" in run(express, "status"), "both processes")
    return express


def test_status(served: Express) -> None:
    shown = run(served, "status")
    assert re.search(r"^Server running for \d+ s: process \d+, generation 1 ", shown)
    assert re.search(r"^\S+: 2 of 2 processes ready, 5 threads each, user \S+$", shown, re.M)
    document = json.loads(run(served, "status", "--json"))
    assert document["pid"] == int((served.root / "httpd.pid").read_text())
    [group] = document["groups"]
    assert {each["pid"] for each in group["processes"]} == set(served.daemons())


def test_the_only_server_needs_no_name(served: Express) -> None:
    """Only of those in the default place, below TMPDIR."""
    home = served.root.parent / f"mod_pywsgi-localhost:8000:{os.geteuid()}"
    env = {"TMPDIR": str(served.root.parent)}
    done = served.run("status", env=env)
    assert done.returncode == 2
    assert "No server was found" in done.stderr and "wsgi.control" in done.stderr
    assert not home.exists()
    socket = str(served.root / "run" / "wsgi.control")
    assert served.run("status", "--socket", socket).returncode == 0
    by_env = served.run("status", env={"PYWSGI_SERVER_ROOT": str(served.root)})
    assert by_env.returncode == 0


def test_reload(served: Express) -> None:
    before = set(served.daemons())
    put(served, "two")
    assert re.search(r": 2 processes replaced in \d+\.\d s$", run(served, "reload"), re.M)
    assert served.get().text == "two"
    wait.until(lambda: len(served.daemons()) == 2, "the old ones to end")
    assert not before & set(served.daemons())


def test_reload_of_broken_code(served: Express) -> None:
    served.write("app.py", "import nothing_of_that_name\n")
    shown = run(served, "reload", code=1)
    assert "not reloaded, 0 replaced" in shown
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in shown
    assert "go on serving" in shown
    document = json.loads(served.run("reload", "--json", *where(served)).stdout)
    assert document["ok"] is False and document["groups"][0]["log"]
    assert "the last reload failed" in run(served, "status")
    assert served.get().text == "one"


def test_restart_and_scale(served: Express) -> None:
    before = set(served.daemons())
    assert "2 processes replaced" in run(served, "restart")
    assert not before & set(served.daemons())
    assert "1 process from now on" in run(served, "scale", "1")
    wait.until(lambda: "1 of 1 processes" in run(served, "status"), "one process")
    refused = run(served, "scale", "3", code=2)
    assert "room for 2 processes" in refused and "--processes" in refused
    assert "number of processes" in run(served, "scale", "many", code=2)
    assert served.get().text == "one"


@pytest.mark.parametrize(
    "words", [["scale"], ["scale", "a", "b", "c"], ["status", "web"], ["reload", "a", "b"]]
)
def test_usage_errors(express: Express, words: list[str]) -> None:
    assert express.run(*words).returncode == 2


def test_unknown_group(served: Express) -> None:
    assert "no process group of that name" in run(served, "reload", "nobody", code=2)


@pytest.mark.parametrize("command", ["status", "reload", "restart", "stacks", "stop"])
def test_no_server(express: Express, command: str) -> None:
    shown = run(express, command, code=2)
    assert f"No server runs from {express.root}" in shown


def test_no_such_socket(express: Express) -> None:
    done = express.run("status", "--socket", "/nonexistent/control")
    assert done.returncode == 2
    assert "There is no control socket /nonexistent/control" in done.stderr
    assert "Is Apache running" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else(served: Express) -> None:
    (served.root / "run").chmod(0o711)
    served.root.chmod(0o711)
    served.root.parent.chmod(0o755)
    socket = str(served.root / "run" / "wsgi.control")
    done = served.run("status", "--socket", socket, user=NOBODY)
    assert done.returncode == 2
    assert "may not use the control socket" in done.stderr and "sudo" in done.stderr


def test_embedded_mode(express: Express) -> None:
    put(express, "one")
    express.start("app.py", "--embedded-mode")
    assert "has no control socket" in run(express, "status", code=2)
    assert "has stopped" in run(express, "stop")
    assert express.wait() == 0


def test_stacks(served: Express) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served.get, "/slow?shown")
        wait.until((served.site / "marks" / "mark").exists, "the request to run")
        shown = run(served, "stacks")
        document = json.loads(run(served, "stacks", "--json"))
        (served.site / "marks" / "go").touch()
        assert slow.result(20).status == 200
    assert "GET /slow?shown" in shown
    assert f'File "{served.site / "app.py"}"' in shown
    assert {each["pid"] for each in document["processes"]} == set(served.daemons())


# stop


def test_stop_lets_requests_finish(served: Express) -> None:
    family = served.family()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(served.get, "/slow")
        wait.until((served.site / "marks" / "mark").exists, "the request to run")
        stopping = pool.submit(run, served, "stop", "--timeout", "60")
        wait.until(lambda: "shutting down gracefully" in served.error_log, "it to begin")
        (served.site / "marks" / "go").touch()
        assert slow.result(20).text == "one"
        assert "has stopped" in stopping.result(30)
    assert served.wait() == 0
    wait.until(lambda: not any(map(procs.alive, family)), "all to end")
    assert not (served.root / "run" / "wsgi.control").exists()


def test_stop_cuts_what_takes_too_long(served: Express) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served.get, "/slow")
        wait.until((served.site / "marks" / "mark").exists, "the request to run")
        assert "has stopped" in run(served, "stop", "--timeout", "0.2")
        with pytest.raises((EOFError, OSError, AssertionError)):
            assert slow.result(20).status == 200
    assert served.wait() == 0


@pytest.mark.parametrize("terminal", [True, False])
def test_stop_of_what_somebody_watches(express: Express, terminal: bool) -> None:
    put(express, "one")
    express.start("app.py", terminal=terminal)
    assert "has stopped" in run(express, "stop")
    assert express.wait() == 0


def test_stop_in_debug_mode(express: Express) -> None:
    put(express, "one")
    express.start("app.py", "--debug-mode")
    assert "has stopped" in run(express, "stop", "--timeout", "60")
    assert express.wait() in (0, -signal.SIGTERM)
