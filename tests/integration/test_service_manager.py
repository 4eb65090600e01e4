"""What a service manager is told by way of NOTIFY_SOCKET. The manager is a socket of the test."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support import procs, raw, wait
from support.express import Express
from support.httpd import HttpdInstance, Settings
from support.machine import Port, make_root, remove_tree

APP = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /hello @APPS@/hello/wsgi.py\n"
GROUP = f"WSGIDaemonProcess web processes=2\nWSGIProcessGroup web\n{APP}"
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
"""


class Manager:
    """Collects datagrams as dicts."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self.heard: list[dict[str, str]] = []

    def listen(self) -> list[dict[str, str]]:
        while select.select([self.socket], [], [], 0)[0]:
            lines = self.socket.recv(4096).decode().split("\n")
            self.heard.append(dict(line.split("=", 1) for line in lines))
        return self.heard

    def all(self, name: str) -> list[dict[str, str]]:
        return [message for message in self.listen() if name in message]

    def await_(self, name: str, count: int = 1, timeout: float = 15) -> list[dict[str, str]]:
        def enough() -> list[dict[str, str]]:
            found = self.all(name)
            return found if len(found) >= count else []

        return wait.until(enough, f"{count} x {name}; heard {self.heard}", timeout)

    def await_status(self, text: str) -> None:
        wait.until(
            lambda: [message for message in self.all("STATUS") if text in message["STATUS"]],
            f"{text!r} in a status; heard {self.heard}",
        )

    def environment(self, **more: str) -> tuple[tuple[str, str], ...]:
        return (("NOTIFY_SOCKET", self.address), *more.items())


@pytest.fixture(params=["path", "abstract"])
def manager(request):
    folder = make_root("pywsgi-notify-")
    address = str(folder / "notify") if request.param == "path" else f"@{folder.name}"
    found = Manager(address)
    if request.param == "path":
        os.chmod(address, 0o777)
    yield found
    found.socket.close()
    remove_tree(folder)


by_path = pytest.mark.parametrize("manager", ["path"], indirect=True)


def test_ready_when_the_groups_are(start, manager):
    """Not before, and the port is listened on; a stop is told."""
    server = start(GROUP, env=manager.environment())
    [ready] = manager.await_("READY")
    assert ready["READY"] == "1"
    assert ready["STATUS"].startswith("Processes ready: web ")
    assert "MAINPID" not in ready
    manager.await_status("Processes ready: web 2 of 2")
    assert not manager.all("WATCHDOG"), "without WATCHDOG_USEC"
    assert not manager.all("RELOADING")
    server.stop()
    assert [message["STOPPING"] for message in manager.await_("STOPPING")] == ["1"]
    assert len(manager.all("READY")) == 1


@by_path
def test_not_ready_before_a_script_has_been_imported(start, manager):
    """Though Apache answers already."""
    script = (
        "import os, time\nwhile not os.path.exists('@SCRATCH@/go'):\n    time.sleep(0.01)\n"
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return []\n"
    )
    server = start(
        "WSGIDaemonProcess web\nWSGIScriptAlias /slow @ROOT@/slow.py process-group=web "
        "application-group=%{GLOBAL}\n",
        files={"slow.py": script},
        env=manager.environment(),
    )
    assert server.get("/alive").status == 200
    manager.await_status("web 0 of 1")
    wait.holds(lambda: not manager.all("READY"), "it is not ready", 1)
    (server.scratch / "go").touch()
    manager.await_("READY")
    manager.await_status("web 1 of 1")


@by_path
def test_a_group_that_does_not_start_keeps_nobody_waiting(start, manager):
    server = start(
        f"WSGIDaemonProcess broken home=/nonexistent\n{GROUP}", env=manager.environment()
    )
    manager.await_("READY")
    manager.await_status("broken 0 of 1 (does not start, see the error log)")
    manager.await_status("web 2 of 2")
    assert server.get("/hello").status == 200
    server.log.claim("PYW0008")
    server.log.allow("PYW0004")


@by_path
def test_status_follows(start, manager):
    server = start(GROUP, env=manager.environment())
    manager.await_status("web 2 of 2")
    manager.heard.clear()
    os.kill(server.daemons()[0], signal.SIGKILL)
    server.expect_new_processes()
    server.log.claim("PYW0002")
    manager.await_status("web 1 of 2")
    manager.await_status("web 2 of 2")
    assert not manager.all("READY"), "said once"


@pytest.mark.parametrize("how", ["graceful", "restart"])
@by_path
def test_reloading_until_the_new_configuration_is_ready(start, manager, how):
    server = start(GROUP, env=manager.environment())
    manager.await_("READY")
    before = time.monotonic_ns() // 1000
    getattr(server, how)()
    [reloading] = manager.await_("RELOADING")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    manager.await_("READY", 2)
    names = [
        name for message in manager.heard for name in message if name in ("READY", "RELOADING")
    ]
    assert names == ["READY", "RELOADING", "READY"]
    assert not manager.all("STOPPING")


@by_path
def test_signs_of_life(start, manager):
    """Twice in the time that the manager gives; none once the parent is gone, nor from old generations."""
    server = start(GROUP, env=manager.environment(WATCHDOG_USEC="400000"))
    manager.await_("WATCHDOG", 4)
    server.graceful()
    manager.await_("READY", 2)
    manager.heard.clear()
    manager.await_("WATCHDOG", 4)
    supervisors = {procs.parent(pid) for pid in server.daemons()}
    assert server.kill() == []
    wait.until(lambda: not any(map(procs.alive, supervisors)), "the supervisors to end")
    assert server.log.find(rf"first process \({server.pid}\) has died")
    manager.listen()
    manager.heard.clear()
    wait.holds(lambda: not manager.all("WATCHDOG"), "nobody speaks for a dead server", 1)
    server.log.allow(".")


@by_path
def test_no_sign_of_life_from_a_supervisor_that_hangs(start, manager):
    server = start(GROUP, env=manager.environment(WATCHDOG_USEC="400000"))
    manager.await_("READY")
    manager.await_("WATCHDOG", 2)
    [supervisor] = {procs.parent(pid) for pid in server.daemons()}
    os.kill(supervisor, signal.SIGSTOP)
    manager.listen()
    manager.heard.clear()
    try:
        wait.holds(lambda: not manager.all("WATCHDOG"), "it hangs", 1)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    manager.await_("WATCHDOG")


@by_path
def test_a_watchdog_of_somebody_else(start, manager):
    start(GROUP, env=manager.environment(WATCHDOG_USEC="400000", WATCHDOG_PID="1"))
    manager.await_("READY")
    wait.holds(lambda: not manager.all("WATCHDOG"), "it is not meant", 1)


@by_path
def test_without_process_groups(start, manager):
    """There is no supervisor: the parent says it, and gives a sign of life in its own rounds."""
    server = start(f"WSGIProcessGroup %{{GLOBAL}}\n{APP}", env=manager.environment())
    [ready] = manager.await_("READY")
    assert ready["STATUS"] == "Serving without process groups"
    server.graceful()
    manager.await_("RELOADING")
    manager.await_("READY", 2)
    server.stop()
    manager.await_("STOPPING")


@pytest.mark.slow
@by_path
def test_signs_of_life_without_process_groups(start, manager):
    """Apache's parent looks around every 10 s."""
    env = manager.environment(WATCHDOG_USEC="60000000")
    start(f"WSGIProcessGroup %{{GLOBAL}}\n{APP}", env=env)
    manager.await_("WATCHDOG", 2, timeout=40)


@by_path
def test_a_new_supervisor_says_it_again(start, manager):
    server = start(GROUP, env=manager.environment())
    manager.await_("READY")
    [supervisor] = {procs.parent(pid) for pid in server.daemons()}
    os.kill(supervisor, signal.SIGKILL)
    server.expect_new_processes()
    server.log.claim("PYW0009")
    server.log.allow("PYW")
    manager.await_("READY", 2)
    manager.await_status("web 2 of 2")


@by_path
def test_a_manager_that_listens_later(start, manager):
    """Its socket may be hidden, or full: said in the log, and tried again."""
    address = Path(manager.address)
    address.rename(address.with_suffix(".away"))
    server = start(GROUP, env=manager.environment())
    [line] = server.log.claim("PYW0043")
    assert str(address) in line.text
    assert "No such file" in line.text
    address.with_suffix(".away").rename(address)
    manager.await_("READY")


def test_an_address_of_another_kind(start):
    server = start(GROUP, env=(("NOTIFY_SOCKET", "vsock:2:1234"),))
    server.log.claim("PYW0044")
    assert server.get("/hello").status == 200


@by_path
def test_main_process_of_a_server_that_detaches(around, manager):
    """apachectl start: the process that the manager started has ended."""
    settings = Settings(extra=GROUP, env=manager.environment(), words=("-k", "start"))
    server = HttpdInstance(around, settings)
    server.pid_file = server.root / "run/httpd.pid"
    for port in server._prepare():
        port.release()
    command = server._command(*settings.words)
    assert os.spawnvpe(os.P_WAIT, command[0], command, server._environment()) == 0
    [ready] = manager.await_("READY")
    pid = int(server.pid_file.read_text())
    try:
        assert ready["MAINPID"] == str(pid)
    finally:
        os.kill(pid, signal.SIGTERM)
        wait.until(lambda: (procs.reap(), not procs.alive(pid))[1], "it to end")
    server.remove()


@by_path
@pytest.mark.no_asan
def test_express_passes_it_on(express: Express, manager):
    """The one that systemd started stays; signs of life are Apache's."""
    express.write(
        "app.py",
        "import os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n"
        "    return [str('NOTIFY_SOCKET' in os.environ).encode()]\n",
    )
    env = dict(manager.environment(WATCHDOG_USEC="1000000"))
    express.program = ("sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", *express.program)
    express.start("app.py", env=env)
    [ready] = manager.await_("READY")
    assert "MAINPID" not in ready
    manager.await_("WATCHDOG", 2)
    assert express.get("/").text == "False"
    assert express.stop() == 0
    manager.await_("STOPPING")


@by_path
@pytest.mark.no_asan
def test_a_unit_of_express(express: Express, manager):
    """Started, reloaded and stopped as its lines say."""
    express.write("app.py", HELLO)
    port = Port()
    words = ["--port", str(port.number), "--host", "127.0.0.1", "--server-root", str(express.root)]
    done = express.run("systemd-unit", "app.py", *words)
    assert done.returncode == 0, done.stderr
    assert not express.root.exists(), "nothing is written"
    lines = dict(re.findall(r"^(\w+)=(.*)$", done.stdout, re.M))
    command = shlex.split(lines["ExecStart"].replace("%%", "%"))
    name, _, value = shlex.split(lines["Environment"])[0].partition("=")
    assert os.path.isabs(command[0])
    assert lines["ExecReload"] == "/bin/kill -USR1 $MAINPID"
    port.release()
    process = subprocess.Popen(
        command,
        cwd=lines["WorkingDirectory"],
        env={"PATH": os.environ["PATH"], name: value, **dict(manager.environment())},
        stdout=subprocess.DEVNULL,
    )
    procs.own(process.pid)
    try:
        manager.await_("READY", timeout=30)
        with raw.Connection("127.0.0.1", port.number, 20) as connection:
            assert connection.request("GET", "/").body == b"hello\n"
        process.send_signal(signal.SIGUSR1)
        manager.await_("RELOADING")
        manager.await_("READY", 2)
    finally:
        process.terminate()
        assert process.wait(20) == 0
        procs.disown(process.pid)
    manager.await_("STOPPING")


def test_a_unit_that_makes_no_sense(express: Express):
    express.write("app.py", HELLO)
    done = express.run("systemd-unit", "app.py", "--name", "two words")
    assert done.returncode == 2
    assert "cannot have the name 'two words'" in done.stderr
    assert done.stdout == ""
