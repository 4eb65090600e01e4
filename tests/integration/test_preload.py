"""preload=On: scripts are imported once, and the processes that serve are forked from there."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from support import procs, wait
from support.control import control_of
from support.httpd import HttpdInstance

Start = Callable[..., HttpdInstance]

SCRIPT = """
import json, os, random
import mod_pywsgi
imported_in = os.getpid()
hooks = []

@mod_pywsgi.after_fork
def hook():
    hooks.append(os.getpid())

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps({
        "pid": os.getpid(), "imported_in": imported_in, "hooks": hooks,
        "random": random.random(), "version": version,
        "status": open("/proc/self/status").read(),
        "limits": open("/proc/self/limits").read(),
        "seen": environ.get("mod_wsgi.warmup"),
    }).encode()]

version = 1
"""
ALIAS = "WSGIScriptAlias /app @ROOT@/app.wsgi process-group=web application-group=%{GLOBAL}\n"
REPLACED = "PYW0022"


def conf(options: str = "", rest: str = ALIAS) -> str:
    return f"WSGIDaemonProcess web preload=On {options}\n{rest}"


@pytest.fixture
def preloaded(start: Start) -> Callable[..., HttpdInstance]:
    """Start a server with a group that has preload=On and these options; all processes are ready."""

    def run(
        options: str = "", text: str = SCRIPT, rest: str = ALIAS, count: int = 1, **more: Any
    ) -> HttpdInstance:
        server = start(conf(options, rest), files={"app.wsgi": text}, **more)
        wait.until(lambda: len(server.daemons()) >= count + 1, "the processes and their zygote")
        return server

    return run


def tell(server: HttpdInstance, path: str = "/app") -> dict[str, Any]:
    response = server.get(path)
    assert response.status == 200, server.story()
    told: dict[str, Any] = response.json()
    return told


def tell_all(server: HttpdInstance, count: int) -> dict[int, dict[str, Any]]:
    """What each of so many processes says."""
    told: dict[int, dict[str, Any]] = {}

    def ask() -> bool:
        fact = tell(server)
        told[fact["pid"]] = fact
        return len(told) >= count

    wait.until(ask, f"answers of {count} processes")
    return told


def allow(server: HttpdInstance, *codes: str) -> None:
    """Lines with these codes may come, and tracebacks with them."""
    server.log.allow("|".join(codes))
    server.log.allow(r"^\[pid \d+\] (Traceback \(most recent call last\)| {2,}|\w+Error: )")


def zygotes(server: HttpdInstance) -> list[int]:
    def comm(pid: int) -> str:
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return ""

    return [pid for pid in server.daemons() if comm(pid) == "pywsgi-zygote"]


def zygote_of(server: HttpdInstance) -> int:
    """Once there is one: a process that is being forked looks like it for a moment."""
    (found,) = wait.until(lambda: len(found := zygotes(server)) == 1 and found, "one zygote")
    return found


def touch(server: HttpdInstance, text: str) -> None:
    """Change the script, so that its modification time differs."""
    path = server.root / "app.wsgi"
    before = path.stat().st_mtime_ns
    server.write("app.wsgi", text)
    os.utime(path, ns=(before + 2 * 10**9, before + 2 * 10**9))


def test_all_share_one_import(preloaded: Start) -> None:
    server = preloaded("processes=3", count=3)
    told = tell_all(server, 3)
    assert {fact["imported_in"] for fact in told.values()} == {zygote_of(server)}
    assert {pid: fact["hooks"] for pid, fact in told.items()} == {pid: [pid] for pid in told}
    assert len({fact["random"] for fact in told.values()}) == 3
    assert len(server.log.find("PYW0103")) == 1, "the import"


def test_the_supervisor_is_their_parent(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    supervisor = procs.parent(zygote_of(server))
    assert {procs.parent(pid) for pid in tell_all(server, 2)} == {supervisor}


@pytest.mark.parametrize(
    "rest",
    [
        "WSGIScriptAlias /app @ROOT@/app.wsgi process-group=web\n",
        "WSGIScriptAlias /app @ROOT@/app.wsgi\nWSGIProcessGroup web\n",
        "WSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /app @ROOT@/app.wsgi\n",
        "WSGIImportScript @ROOT@/app.wsgi process-group=web application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /app @ROOT@/app.wsgi\n<Location /app>\nWSGIProcessGroup web\n</Location>\n",
    ],
)
def test_however_the_script_is_named(preloaded: Start, rest: str) -> None:
    server = preloaded(rest=rest)
    told = tell(server)
    assert told["imported_in"] == zygote_of(server) != told["pid"]


def test_a_changed_script_is_imported_anew_and_once(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    first = zygote_of(server)
    tell_all(server, 2)
    touch(server, SCRIPT.replace("version = 1", "version = 2"))
    wait.until(lambda: tell(server)["version"] == 2, "the new code")
    wait.until(lambda: server.log.find(REPLACED), "the word about it")
    told = tell_all(server, 2)
    assert {fact["version"] for fact in told.values()} == {2}
    assert {fact["imported_in"] for fact in told.values()} == {zygote_of(server)}
    assert zygote_of(server) != first
    wait.until(lambda: not procs.alive(first), "the end of the first zygote")
    assert len(server.log.find("PYW0103")) == 2


def test_a_change_that_does_not_import_changes_nothing(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    before = tell_all(server, 2)
    touch(server, SCRIPT + "raise LookupError('half an upload')\n")
    allow(server, "PYW0023", "PYW0105", "PYW0134")
    wait.until(lambda: tell(server) and server.log.find("PYW0023"), "the word about it")
    assert len(server.log.find("half an upload")) >= 1
    assert set(tell_all(server, 2)) == set(before)
    touch(server, SCRIPT.replace("version = 1", "version = 3"))
    wait.until(lambda: tell(server)["version"] == 3, "the code that works", 20)
    # At most once for each process that sees the change: its wish is a reason to try again at once.
    assert len(server.log.find("PYW0023")) <= 2
    wait.until(lambda: server.log.find(REPLACED), "the word about it")


def test_a_process_that_is_killed_is_forked_again(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    zygote = zygote_of(server)
    told = tell_all(server, 2)
    victim = min(told)
    allow(server, "PYW0002")
    os.kill(victim, signal.SIGKILL)
    wait.until(lambda: victim not in server.daemons(), "its end")
    wait.until(lambda: len(server.daemons()) == 3, "another one")
    assert {fact["imported_in"] for fact in tell_all(server, 2).values()} == {zygote}
    assert len(server.log.find("PYW0103")) == 1
    server.expect_new_processes()


def test_a_zygote_that_is_killed_takes_nobody_along(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    first = zygote_of(server)
    before = tell_all(server, 2)
    allow(server, "PYW0136", "PYW0002")
    os.kill(first, signal.SIGKILL)
    wait.until(lambda: zygotes(server) not in ([], [first]), "another zygote")
    assert set(tell_all(server, 2)) == set(before)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait.until(lambda: set(tell_all(server, 2)) != set(before), "another process")
    told = tell_all(server, 2)
    assert {fact["imported_in"] for pid, fact in told.items() if pid not in before} == {
        zygote_of(server)
    }
    server.expect_new_processes()


def test_maximum_requests_forks_from_the_zygote_that_is_there(preloaded: Start) -> None:
    server = preloaded("maximum-requests=3")
    zygote = zygote_of(server)
    pids = set()

    def ask() -> bool:
        fact = tell(server)
        assert fact["imported_in"] == zygote
        pids.add(fact["pid"])
        return len(pids) >= 4

    wait.until(ask, "four processes", 20)
    assert len(server.log.find("PYW0103")) == 1
    server.expect_new_processes()


def test_a_graceful_restart_imports_anew(preloaded: Start) -> None:
    server = preloaded()
    first = zygote_of(server)
    server.graceful()
    wait.until(lambda: tell(server)["imported_in"] != first, "the new process")
    wait.until(lambda: not procs.alive(first), "the end of the first zygote")
    server.expect_new_processes()


def test_a_reload_by_command_imports_anew(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    before = tell_all(server, 2)
    first = zygote_of(server)
    touch(server, SCRIPT.replace("version = 1", "version = 2"))
    outcome = control_of(server).reload()
    assert (outcome.ok, [group.replaced for group in outcome.groups]) == (True, [2])
    told = tell_all(server, 2)
    assert {fact["version"] for fact in told.values()} == {2}
    assert not set(before) & set(told)
    assert zygote_of(server) != first


def test_a_reload_by_command_that_does_not_import_says_why(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    before = tell_all(server, 2)
    touch(server, SCRIPT + "raise LookupError('half an upload')\n")
    allow(server, "PYW0023", "PYW0105", "PYW0134")
    outcome = control_of(server).reload()
    assert not outcome.ok
    assert "half an upload" in json.dumps(dict(outcome.document))
    assert set(tell_all(server, 2)) == set(before)


def test_a_restart_by_command_imports_anew(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    first = zygote_of(server)
    assert control_of(server).restart().ok
    assert zygote_of(server) != first
    assert {fact["imported_in"] for fact in tell_all(server, 2).values()} == {zygote_of(server)}


def test_stacks_are_those_of_each(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    pids = set(tell_all(server, 2))
    found = control_of(server).stacks()
    assert {process.pid for process in found} == pids
    assert all(process.error is None for process in found)


def test_the_group_grows_by_forks(preloaded: Start) -> None:
    server = preloaded("processes=1-3")
    zygote = zygote_of(server)
    control_of(server).scale("web", 3)
    told = tell_all(server, 3)
    assert {fact["imported_in"] for fact in told.values()} == {zygote}
    server.expect_new_processes()


def test_a_group_that_sleeps_has_no_zygote(preloaded: Start) -> None:
    server = preloaded("inactivity-timeout=1")
    first = tell(server)["imported_in"]
    wait.until(lambda: not server.daemons(), "the group to sleep", 20)
    told = tell(server)
    assert told["imported_in"] == zygote_of(server) != first
    server.expect_new_processes()


def test_many_deaths_and_changes_at_once(preloaded: Start) -> None:
    """In the end all is as it should be: as many processes, of the last code, and one zygote."""
    server = preloaded("processes=3", count=3)
    allow(server, "PYW0002", "PYW0005", "PYW0134", "PYW0136", "PYW0137", "PYW0151", "PYW0152")
    allow(server, "PYW0001", "PYW0023", "PYW0154", "PYW0155", "PYW0156")
    for version in range(2, 12):
        touch(server, SCRIPT.replace("version = 1", f"version = {version}"))
        with contextlib.suppress(OSError, EOFError):
            server.get("/app")
        for pid in server.daemons()[version % 3 :: 3]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def settled() -> bool:
        if len(server.daemons()) != 4 or len(zygotes(server)) != 1:
            return False
        answers = [server.get("/app") for _ in range(12)]
        facts = [answer.json() for answer in answers if answer.status == 200]
        return len(facts) == 12 and all(
            fact["version"] == 11 and fact["imported_in"] in zygotes(server) for fact in facts
        )

    wait.until(settled, "the last code from one zygote", 60)
    server.expect_new_processes()


# Sockets of an order are those that are neither its lifeline nor closed: base/setup.h.
IMPOSTOR = (
    SCRIPT
    + """
import socket
LIFELINE = 6

def introduce_myself():
    if hooks or not os.path.exists("/proc/self/fd/6"):
        return
    hooks.append("spoke")
    for name in os.listdir("/proc/self/fd"):
        if int(name) != LIFELINE:
            try:
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    sock.send(b"P")
            except OSError:
                pass

os.register_at_fork(before=introduce_myself)
"""
)


def test_a_zygote_is_no_process(start: Start) -> None:
    server = start(conf(), files={"app.wsgi": IMPOSTOR})
    allow(server, "PYW0137", "PYW0136", "PYW0154", "PYW0155")
    wait.until(lambda: server.get("/app").status == 200, "a process", 20)
    assert len(server.log.find("PYW0137")) == 1
    zygote = zygote_of(server)
    assert tell(server)["pid"] != zygote
    os.kill(zygote, signal.SIGKILL)
    wait.until(lambda: zygotes(server) not in ([zygote], []), "another zygote")
    assert tell(server)["pid"] in server.daemons()
    server.expect_new_processes()


def test_nobody_outlives_the_supervisor(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    wait.until(lambda: len(server.daemons()) == 3, "two processes and their zygote")
    family = server.daemons()
    supervisor = procs.parent(zygote_of(server))
    assert supervisor is not None
    allow(server, r"PYW\d{4}: .*supervisor")
    os.kill(supervisor, signal.SIGKILL)
    for pid in family:
        wait.until(lambda pid=pid: not procs.alive(pid), f"the end of {pid}")
    wait.until(lambda: len(server.daemons()) == 3, "others")
    assert tell(server)["pid"] not in family
    server.expect_new_processes()


def test_nobody_outlives_apache(preloaded: Start) -> None:
    server = preloaded("processes=2", count=2)
    family = server.daemons()
    assert not server.kill()
    assert not [pid for pid in family if procs.alive(pid)]


def test_a_script_that_never_imports_answers_500_until_it_changes(start: Start) -> None:
    server = start(conf(), files={"app.wsgi": "raise LookupError('no such luck')\n"})
    allow(server, "PYW0105")
    wait.until(lambda: server.log.find("no such luck"), "the traceback")
    assert server.get("/app").status == 500
    touch(server, SCRIPT)
    wait.until(lambda: server.get("/app").status == 200, "the script that works", 20)
    wait.until(lambda: server.log.find(REPLACED), "the word about it")
    wait.until(lambda: tell(server)["imported_in"] == zygote_of(server), "one that was forked")
    server.expect_new_processes()


def test_a_zygote_that_crashes_is_backed_off_and_the_group_answers_503(start: Start) -> None:
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    server = start(conf(), files={"app.wsgi": text})
    allow(server, "PYW0134", "PYW0154", "PYW0155")
    wait.until(lambda: server.log.find("PYW0134"), "the word about it")
    assert "ended before it was ready: SIGKILL" in server.log.find("PYW0134")[0].text
    wait.until(lambda: server.get("/app").status == 503, "503")
    server.write("app.wsgi", SCRIPT)
    wait.until(lambda: server.get("/app").status == 200, "the script that works", 20)
    assert len(server.log.find("PYW0134")) == 1, "not each time"
    server.expect_new_processes()


def test_startup_timeout_ends_an_import_that_hangs(start: Start) -> None:
    text = (
        "import os, time\n"
        "while not os.path.exists(os.path.dirname(__file__) + '/go'):\n"
        "    time.sleep(0.01)\n" + SCRIPT
    )
    server = start(conf("startup-timeout=1"), files={"app.wsgi": text})
    allow(server, "PYW0135", "PYW0154", "PYW0155")
    wait.until(lambda: server.log.find("PYW0135"), "the word about it")
    server.write("go", "")
    wait.until(lambda: server.get("/app").status == 200, "the script that works", 20)
    server.expect_new_processes()


def test_a_function_that_fails_is_a_start_that_failed(start: Start) -> None:
    text = SCRIPT + (
        "@mod_pywsgi.after_fork\n"
        "def connect():\n"
        "    if not os.path.exists(os.path.dirname(__file__) + '/go'):\n"
        "        raise ConnectionError('no database')\n"
    )
    server = start(conf(), files={"app.wsgi": text})
    allow(server, "PYW0130", "PYW0004", "PYW0154", "PYW0155")
    wait.until(lambda: server.log.find("PYW0004"), "a start that failed")
    assert server.log.find("no database")
    server.write("go", "")
    wait.until(lambda: server.get("/app").status == 200, "the database", 20)
    assert len(server.log.find("PYW0130")) == 1, "not each time"
    server.expect_new_processes()


def test_another_interpreter_is_refused(preloaded: Start) -> None:
    rest = ALIAS + (
        "WSGIScriptAlias /other @ROOT@/app.wsgi\n"
        "<Location /other>\nWSGIProcessGroup web\nWSGIApplicationGroup own\n</Location>\n"
    )
    server = preloaded(rest=rest)
    allow(server, "PYW0133")
    assert server.get("/other").status == 500
    (line,) = server.log.find("PYW0133")
    assert "put WSGIApplicationGroup %{GLOBAL} in its configuration" in line.text


def test_a_group_without_a_script_says_so(start: Start) -> None:
    server = start(conf(rest="WSGIScriptAlias /app @APPS@/hello/wsgi.py\n"))
    allow(server, "PYW0138")
    assert server.log.find("PYW0138")
    wait.until(lambda: len(server.daemons()) == 2, "its processes all the same")


def test_warmup_is_asked_of_the_script_and_its_callable(start: Start) -> None:
    """By the alias and the directives, without preload=On too."""
    text = SCRIPT.replace("def application(", "def app(")
    server = start(
        "WSGIDaemonProcess web processes=2 warmup=/app/health warmup=/app/?x\n"
        "WSGIProcessGroup web\nWSGIApplicationGroup %{GLOBAL}\nWSGICallableObject app\n"
        "WSGIScriptAlias /app @ROOT@/app.wsgi\n",
        files={"app.wsgi": text},
    )
    found = wait.until(
        lambda: (lines := server.log.find("Warm-up request for")) and len(lines) == 4 and lines,
        "two requests of two processes",
    )
    assert all("status 200" in line.text for line in found)
    assert len({line.text for line in found if "/app/health" in line.text}) == 2


def test_a_successor_that_is_not_warm_does_not_take_over(preloaded: Start) -> None:
    server = preloaded("warmup=/app/health")
    before = tell(server)["pid"]
    touch(server, SCRIPT.replace('"200 OK"', '"500 Broken"'))
    allow(server, "PYW0132", "PYW0023", "PYW0004")
    wait.until(lambda: tell(server) and server.log.find("PYW0023"), "the word about it")
    assert tell(server)["pid"] == before
    assert "status 500" in server.log.find("PYW0132")[0].text


# Identity and limits: what the zygote was born with holds for what it forks.

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def status(told: dict[str, Any], name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*)$", told["status"], re.M)
    assert found, name
    return found[1]


@needs_root
def test_identity_is_the_groups(preloaded: Start) -> None:
    names = ("daemon", "nobody", "bin")
    user = next(account for account in pwd.getpwall() if account.pw_name in names)
    options = f"user={user.pw_name} group=#{user.pw_gid} umask=027 cpu-priority=5 processes=2"
    server = preloaded(options, count=2)
    for told in tell_all(server, 2).values():
        assert set(status(told, "Uid").split()) == {str(user.pw_uid)}
        assert set(status(told, "Gid").split()) == {str(user.pw_gid)}
        assert "0" not in status(told, "Groups").split()
        assert status(told, "NoNewPrivs") == "1"
        assert int(status(told, "CapEff"), 16) == 0
        assert status(told, "Umask") == "0027"
        assert os.getpriority(os.PRIO_PROCESS, told["pid"]) == 5


@pytest.mark.no_asan
def test_limits_are_the_groups(preloaded: Start) -> None:
    server = preloaded("memory-limit=500000000 cpu-time-limit=100")
    limits = tell(server)["limits"]
    assert re.search(r"^Max data size +500000000 +500000000", limits, re.M)
    assert re.search(r"^Max cpu time +100 ", limits, re.M)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("WSGIDaemonProcess web preload=Maybe", "On or Off"),
        ("WSGIDaemonProcess web warmup=health", "the path of a URL"),
        (
            "WSGIDaemonProcess web preload=On\n"
            "WSGIImportScript /x.wsgi process-group=web application-group=own",
            "has preload=On and one interpreter: put %{GLOBAL} there",
        ),
        (
            "WSGIDaemonProcess web preload=On\n"
            "WSGIScriptAlias / /x.wsgi process-group=web application-group=own",
            "has preload=On and one interpreter: put %{GLOBAL} there",
        ),
    ],
)
def test_configurations_that_are_refused(
    configtest: Callable[..., tuple[int, str]], line: str, says: str
) -> None:
    code, words = configtest(line)
    assert code != 0
    assert says in words


# Memory

HEAVY = (
    SCRIPT
    + """
import hashlib
# Objects that nothing touches again, but for their reference counts where they are looked at.
heavy = [os.urandom(1024) for _ in range(60 * 1024)]
"""
)


def proportional_set(pid: int) -> int:
    """Bytes, shared pages split among those who share them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        found = re.search(r"^Pss:\s*(\d+) kB", file.read(), re.M)
    assert found
    return int(found[1]) * 1024


def memory_of(server: HttpdInstance, count: int) -> int:
    tell_all(server, count)
    return sum(proportional_set(pid) for pid in server.daemons())


@pytest.mark.no_asan
def test_memory_is_shared(preloaded: Start, start: Start) -> None:
    """Of 60 MB that the import makes, four processes and a zygote have one copy, not four."""
    shared = memory_of(preloaded("processes=4", text=HEAVY, count=4), 4)
    other = start(conf("processes=4").replace("preload=On", ""), files={"app.wsgi": HEAVY})
    alone = memory_of(other, 4)
    assert alone > 4 * 60 * 1024 * 1024
    assert shared < alone / 2, (shared, alone)
