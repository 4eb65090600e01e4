"""What a server tells about itself, and to whom."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compat.test_1_10_telemetry import PROCESS, SLOW, Listener
from support import machine, raw, wait
from support.express import Express

from .test_paths import ORACLE, ask, command_line

pytestmark = pytest.mark.no_asan


@pytest.fixture
def listener(express: Express) -> Iterator[Listener]:
    express.site.parent.chmod(0o755)
    heard = Listener(str(express.site.parent / "telemetry.sock"))
    yield heard
    heard.close()


@pytest.mark.option("server-status", "server-metrics")
def test_status_and_metrics(express: Express) -> None:
    """The page is for this machine: another client is one whose address mod_remoteip gives."""
    express.write("app.py", "import mod_wsgi\n" + ORACLE)
    modules = next(
        line.split('"')[1]
        for line in _configuration(express).splitlines()
        if line.startswith("LoadModule authz_core")
    )
    folder = Path(modules).parent
    remote = f"LoadModule remoteip_module {folder}/mod_remoteip.so\nRemoteIPHeader X-Client\n"
    more = express.write("more.conf", remote)
    express.start("app.py", "--server-status", "--server-metrics", "--include-file", str(more))
    url = f"http://127.0.0.1:{express.port}/server-status"
    assert express.shown("Server Status") == url
    page = express.get("/server-status")
    assert page.status == 200 and "Apache Server Status" in page.text
    assert express.get("/server-status", [("X-Client", "192.0.2.7")]).status == 403
    assert express.get("/", [("X-Client", "192.0.2.7")]).status == 200
    assert ask(express, "sorted(mod_wsgi.server_metrics())").startswith("['")
    # What the page counts is what was asked.
    assert "GET /server-status HTTP/1.1" in express.get("/server-status").text


def _configuration(express: Express) -> str:
    done = express.refused("app.py", "--setup-only")
    assert done.returncode == 0, done.stderr
    return (express.root / "httpd.conf").read_text()


def test_neither_by_default(express: Express) -> None:
    express.write("app.py", "import mod_wsgi\n" + ORACLE)
    express.start("app.py")
    assert express.get("/server-status").text == "oracle"
    assert ask(express, "mod_wsgi.server_metrics()") == "None"


@pytest.mark.option("telemetry-service", "telemetry-interval", "telemetry-options", "slow-requests")
def test_telemetry(express: Express, listener: Listener) -> None:
    express.write("app.py", "import time\n" + ORACLE)
    place = express.site.parent / "telemetry.sock"
    express.start(
        "app.py",
        *("--telemetry-service", f"unix:{place}", "--telemetry-interval", "0.5"),
        *("--telemetry-options", "+CaptureUserAgent", "--slow-requests", "0.2"),
    )
    [daemon] = express.daemons()

    def of_daemon() -> list[tuple[int, dict[int, object]]]:
        return [(kind, fields) for kind, pid, _, _, fields in listener.came if pid == daemon]

    wait.until(
        lambda: sum(kind == PROCESS for kind, _ in of_daemon()) > 2, "reports of the process"
    )
    lengths = [fields[12] for kind, fields in of_daemon() if kind == PROCESS]
    assert all(isinstance(length, float) for length in lengths)
    assert sorted(lengths)[0] < 0.9  # type: ignore[type-var]
    agent = [("User-Agent", "Slow Client")]
    assert express.get("/?time.sleep(1.5)", agent).status == 200
    slow = wait.until(
        lambda: [fields for kind, fields in of_daemon() if kind == SLOW], "a slow request"
    )
    assert {fields.get(210) for fields in slow} == {"Slow Client"}


@pytest.mark.option("enable-telemetry", "telemetry-ui-port")
def test_our_own_service(express: Express) -> None:
    """It hears all processes, those of the successors too, and answers this machine alone."""
    express.write("app.py", "import time\n" + ORACLE)
    port = machine.Port()
    port.release()
    express.start(
        "app.py",
        *("--enable-telemetry", "--telemetry-ui-port", str(port.number)),
        *("--telemetry-interval", "0.5", "--slow-requests", "0.3"),
    )
    assert express.shown("Telemetry") == f"http://127.0.0.1:{port.number}/"

    def look(path: str, host: str = "127.0.0.1") -> raw.Response:
        with raw.Connection("127.0.0.1", port.number, 20) as connection:
            return connection.request("GET", path, [("Host", f"{host}:{port.number}")])

    def heard() -> dict[str, Any]:
        found: dict[str, Any] = look("/status.json").json()
        return found

    group = f"127.0.0.1:{express.port}"
    titles = {pid: command_line(pid)[0] for pid in express.daemons()}
    [daemon] = [pid for pid, title in titles.items() if group in title]
    wait.until(lambda: daemon in _heard(look), "a report", 20)
    for _ in range(5):
        assert express.get().status == 200
    assert express.get("/?1/0").status == 500
    assert express.get("/?time.sleep(1.5)").status == 200

    def counted() -> bool:
        [found] = [g for g in heard()["groups"] if g["name"] == group]
        # One more came when the server had just started, before the service heard anything, or after.
        counts = found["statuses"]
        return bool(counts.get("5xx") == 1 and counts.get("2xx") in (6, 7))

    wait.until(counted, "all requests to be counted", 20)
    [slow] = heard()["slow_requests"]
    assert (slow["method"], slow["ended"]) == ("GET", 1)
    assert slow["uri"].startswith("/?time.sleep")
    metrics = look("/metrics").text
    assert f'pywsgi_responses_total{{group="{group}",status="5xx"}} 1' in metrics
    assert re.search(
        rf'^pywsgi_process_threads{{group="{group}",pid="{daemon}"}} 5$', metrics, re.M
    )
    assert "<title>mod_pywsgi</title>" in look("/").text
    assert look("/nothing").status == 404
    assert look("/status.json", "evil.example").status == 403
    with pytest.raises(ConnectionRefusedError), socket.socket() as elsewhere:
        elsewhere.connect(("127.0.0.2", port.number))
    assert express.control("graceful").returncode == 0
    wait.until(lambda: daemon not in express.daemons(), "the old process to end", 20)
    wait.until(lambda: _is_heard(look, daemon), "the successor to be heard", 20)
    assert express.stop() == 0
    assert express.error_log.count("Traceback") == 1  # of 1/0


def _heard(look: Callable[[str], raw.Response]) -> list[int]:
    with contextlib.suppress(OSError, EOFError):
        return [each["pid"] for each in look("/status.json").json()["processes"]]
    return []


def _is_heard(look: Callable[[str], raw.Response], old: int) -> bool:
    pids = _heard(look)
    return bool(pids) and old not in pids


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--telemetry-service", "udp:127.0.0.1:9"], "must be unix: and the path of a socket"),
        (["--slow-requests", "1"], "--slow-requests needs a service that is told"),
        (["--slow-requests", "-1"], "must be a number of seconds"),
        (["--telemetry-interval", "0.1"], "must be at least 0.5"),
        (["--telemetry-options", "All"], "--telemetry-options needs a service"),
        (["--telemetry-ui-port", "9"], "--telemetry-ui-port is of no use"),
        (["--enable-telemetry", "--telemetry-service", "unix:/x"], "exclude each other"),
        (["--enable-telemetry", "--service-script", "telemetry", "app.py"], "Give yours another"),
        (["--enable-telemetry", "--telemetry-ui-port", "8000", "--port", "8000"], "server itself"),
    ],
)
def test_refused(express: Express, words: list[str], says: str) -> None:
    express.write("app.py", ORACLE)
    done = express.refused("app.py", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert os.path.exists(express.site)
