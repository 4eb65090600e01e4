"""Limits and identity of daemon processes as /proc tells of them, whatever the application does;
and that a process for which a step fails ends with a sentence.

What the application itself sees: test_identity.py; each alone: tests/compat/test_1_8_process_groups.py.
"""

from __future__ import annotations

import ctypes
import dataclasses
import grp
import os
import pwd
import resource
import subprocess
from pathlib import Path

import pytest

from support import inline, jail, procs, wait
from support.httpd import HttpdInstance, Settings
from support.machine import HttpdFailed

MIB = 1024 * 1024
APP = "WSGIApplicationGroup %{GLOBAL}\nWSGIProcessGroup web\nWSGIScriptAlias /inline @APPS@/inline/wsgi.py\n"
EVERYTHING = (
    "WSGIDaemonProcess web user=games group=mail supplementary-groups=mail,daemon umask=0027 "
    "cpu-priority=-3 cpu-time-limit=600 graceful-timeout=20 shutdown-timeout=9 stack-size=327680 threads=3 "
)
MEMORY = f"memory-limit={1024 * MIB} virtual-memory-limit={8192 * MIB}"
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def settled(server):
    """The one daemon of the server, once it serves."""
    assert inline.run(server, 'start_response("200 OK", [])\nreturn [b"x"]').status == 200, (
        server.story()
    )
    [pid] = server.daemons()
    return pid


@pytest.fixture
def daemon(servers, around):
    """A process that has all limits at once; AddressSanitizer needs more memory than any."""
    options = EVERYTHING + (MEMORY if not around.asan else "")
    server = servers.kept("limits", Settings(extra=f"{options}\n{APP}"), settled)
    return server, settled(server)


@pytest.mark.root
def test_whose_it_is(daemon):
    """Real, effective, saved and of the file system; not a group of root's is left."""
    _, pid = daemon
    status = procs.status(pid)
    assert set(status["Uid"].split()) == {str(pwd.getpwnam("games").pw_uid)}
    assert set(status["Gid"].split()) == {str(grp.getgrnam("mail").gr_gid)}
    wanted = {str(grp.getgrnam(name).gr_gid) for name in ("mail", "daemon")}
    assert set(status["Groups"].split()) == wanted


@pytest.mark.root
def test_no_way_to_more(daemon):
    """No capability, none to be had from any program that is executed, no program that gives other rights."""
    _, pid = daemon
    status = procs.status(pid)
    assert status["NoNewPrivs"] == "1"
    assert {name: int(status[name], 16) for name in CAPABILITIES} == dict.fromkeys(CAPABILITIES, 0)


@pytest.mark.root
def test_every_thread_is_the_same(daemon):
    _, pid = daemon
    names = ("Uid", "Gid", "Groups", "NoNewPrivs", *CAPABILITIES)
    own = procs.status(pid)
    tasks = os.listdir(f"/proc/{pid}/task")
    assert len(tasks) > 3
    for task in tasks:
        status = procs.status(int(task))
        assert [status[name] for name in names] == [own[name] for name in names], task


@pytest.mark.root
def test_umask_and_nice(daemon):
    server, pid = daemon
    assert procs.status(pid)["Umask"] == "0027"
    assert nice(pid) == nice(server.pid) - 3


def nice(pid):
    text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    return int(text[text.rindex(")") + 2 :].split()[16])


@pytest.mark.root
@pytest.mark.no_asan
def test_limits(daemon):
    """Soft and hard, so that the application cannot lift them; CPU time has some for the handing over."""
    server, pid = daemon
    set_by_us = {
        "Max data size": [str(1024 * MIB)] * 2,
        "Max address space": [str(8192 * MIB)] * 2,
    }
    found = limits(pid)
    soft, hard = found["Max cpu time"]
    assert soft == "600"
    assert 600 < int(hard) < 86400
    assert found == {**limits(server.pid), **set_by_us, "Max cpu time": [soft, hard]}


def limits(pid):
    """Soft and hard limit by name, as text."""
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def test_limits_that_are_not_set_are_apaches(start):
    server = start(f"WSGIDaemonProcess web\n{APP}")
    pid = settled(server)
    assert limits(pid) == limits(server.pid)
    assert nice(pid) == nice(server.pid)


STACK = """
    import ctypes
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_void_p
    attributes = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t()
    libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
    libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    start_response("200 OK", [])
    return [str(size.value).encode()]
"""


@pytest.mark.root
@pytest.mark.no_asan
@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "pthread_getattr_np"), reason="no pthread_getattr_np"
)
def test_stack_size(daemon):
    """Of the thread that runs the request."""
    server, _ = daemon
    assert int(inline.run(server, STACK).text) == 327680


@pytest.mark.root
def test_descriptors(daemon):
    """Standard ones, the seven of docs/protocol.md, and what the process made itself."""
    server, pid = daemon
    found = procs.fds(pid)
    assert found[0] == "/dev/null"
    assert found[1] == found[2]
    assert found[1].startswith("pipe:")
    inherited = {
        target
        for target in procs.fds(server.pid).values()
        if target.startswith(("/", "socket:", "pipe:")) and target != "/dev/null"
    }
    ours = {target for target in found.values() if target.startswith("socket:")}
    listeners = ours & inherited
    assert len(listeners) <= 1, "its own listening socket, and no other of the server's"
    assert not [
        target
        for target in set(found.values()) & inherited
        if target.startswith("/") and not target.startswith("/memfd:")
    ]


# Without root


def wrapped(around, command):
    """The same surroundings, with an Apache that is started by way of another program."""
    program = around.home / f"httpd-{len(list(around.home.iterdir()))}"
    text = f'#!/bin/sh\nexec {command} {around.facts.program} "$@"\n'
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return dataclasses.replace(
        around, facts=dataclasses.replace(around.facts, program=str(program))
    )


def as_somebody(around, *words, user="nobody"):
    """With an Apache that is started by that user, by setpriv with these words."""
    if user == "root":
        return wrapped(around, f"setpriv {' '.join(words)}")
    entry = pwd.getpwnam(user)
    who = f"--reuid={entry.pw_uid} --regid={entry.pw_gid} --clear-groups"
    found = wrapped(around, f"setpriv {who} {' '.join(words)}")
    group = grp.getgrgid(entry.pw_gid).gr_name
    return dataclasses.replace(
        found, facts=dataclasses.replace(found.facts, user=user, group=group)
    )


def owned_by(user):
    def prepare(server):
        entry = pwd.getpwnam(user)
        for path in (server.root, *server.root.iterdir()):
            os.chown(path, entry.pw_uid, entry.pw_gid)

    return prepare


@pytest.mark.root
def test_capabilities_that_a_service_manager_gave_to_apache_are_not_the_applications(around):
    """AmbientCapabilities=CAP_NET_BIND_SERVICE, by which Apache has port 80 without root."""
    words = ("--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service")
    settings = Settings(extra=f"WSGIDaemonProcess web\n{APP}", prepare=owned_by("nobody"))
    with HttpdInstance(as_somebody(around, *words), settings) as server:
        assert int(procs.status(server.pid)["CapEff"], 16) != 0, "the test gives none"
        status = procs.status(settled(server))
    wanted = ("CapInh", "CapPrm", "CapEff", "CapAmb")
    assert {name: int(status[name], 16) for name in wanted} == dict.fromkeys(wanted, 0)
    assert status["NoNewPrivs"] == "1"
    server.remove()


@pytest.mark.root
def test_a_priority_that_may_not_be_had_is_said(around):
    settings = Settings(
        extra=f"WSGIDaemonProcess web cpu-priority=-5\n{APP}", prepare=owned_by("nobody")
    )
    with HttpdInstance(as_somebody(around), settings) as server:
        said = failure(server, "CPU priority")
        assert "cpu-priority=-5: " in said
        assert "started by root" in said
    server.remove()


# Steps that fail

HELLO = 'def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"in"]\n'
JAILED = (
    "WSGIApplicationGroup %{GLOBAL}\nWSGIProcessGroup web\n"
    "WSGIScriptAlias /inline @ROOT@/jail/app.py\n"
)


def failure(server, step, status=503):
    """What the log says about the step for which processes of the group do not start."""
    assert server.get("/inline").status == status
    lines = wait.until(
        lambda: server.log.find(f"PYW0008: Process group 'web': {step} failed: "), step
    )
    assert not server.daemons()
    return lines[0].text


def claim_all(server):
    server.log.claim("PYW0008")
    server.log.allow("PYW0004|PYW0154")


def supervisor_of(server):
    [supervisor] = {procs.parent(pid) for pid in server.daemons()}
    return supervisor


def begin_again(server):
    """The process is ended, and another one born."""
    server.expect_new_processes()
    [pid] = server.daemons()
    os.kill(pid, 9)
    server.log.claim("PYW0002")


@pytest.fixture
def another_of_games():
    """The kernel looks at the processes that the user has already."""
    with subprocess.Popen(["sleep", "600"], user="games", group="games") as other:
        procs.own(other.pid)
        yield
        other.kill()
    procs.disown(other.pid)


@pytest.mark.root
def test_a_user_with_too_many_processes(start, another_of_games):
    """RLIMIT_NPROC, as limits.conf or a service manager sets it: refused at the exec."""
    server = start(f"WSGIDaemonProcess web user=games\n{APP}")
    settled(server)
    resource.prlimit(supervisor_of(server), resource.RLIMIT_NPROC, (0, 0))
    begin_again(server)
    said = failure(server, "execution of the daemon program")
    assert "Resource temporarily unavailable" in said
    claim_all(server)


@pytest.mark.root
def test_a_user_that_may_have_no_more_threads(start):
    server = start(f"WSGIDaemonProcess web user=mail group=mail\n{APP}")
    settled(server)
    resource.prlimit(supervisor_of(server), resource.RLIMIT_NPROC, (1, 1))
    begin_again(server)
    assert server.get("/inline").status == 503
    lines = wait.until(lambda: server.log.find("PYW005[03]"), "the reason")
    assert "limit of processes" in lines[0].text
    server.log.claim("PYW005[03]")
    server.log.allow("PYW0004|PYW0154")


@pytest.mark.root
def test_a_chroot_without_the_program(start):
    server = start(
        f"WSGIDaemonProcess web chroot=@ROOT@/jail daemon-program={jail.PROGRAM}\n{JAILED}",
        files={"jail/app.py": HELLO},
    )
    assert "'/libexec'" in failure(server, "search for the daemon program")
    claim_all(server)


@pytest.mark.root
@pytest.mark.no_asan
def test_a_chroot_that_went_away(start):
    server = start(
        f"WSGIDaemonProcess web chroot=@ROOT@/jail daemon-program={jail.PROGRAM}\n{JAILED}",
        prepare=lambda server: jail.build(server.root / "jail", server.around.artifacts),
        files={"jail/app.py": HELLO},
    )
    assert server.get("/inline").status == 200
    (server.root / "jail").rename(server.root / "elsewhere")
    begin_again(server)
    said = failure(server, "chroot", status=404)  # the script went with it
    server.log.claim("PYW0201")
    assert f"chroot={server.root}/jail: No such file or directory" in said
    claim_all(server)


@pytest.mark.no_asan
def test_a_memory_limit_below_what_apache_may_have_already(start):
    """The hard limit of who starts the server is not lifted, be it lower; and a process that cannot live with
    it says so, rather than nothing."""
    server = start(f"WSGIDaemonProcess web memory-limit={1024 * MIB}\n{APP}")
    settled(server)
    supervisor = supervisor_of(server)
    resource.prlimit(supervisor, resource.RLIMIT_DATA, (512 * MIB, 512 * MIB))
    begin_again(server)
    wait.until(server.daemons, "another process")
    assert limits(settled(server))["Max data size"] == [str(512 * MIB)] * 2


@pytest.mark.no_asan
def test_too_little_memory_for_the_threads_is_said(start):
    server = start(f"WSGIDaemonProcess web threads=40 memory-limit={64 * MIB}\n{APP}")
    lines = wait.until(lambda: server.log.find("PYW0053"), "the sentence")
    assert "memory-limit=" in lines[0].text
    server.log.claim("PYW0053")
    server.log.allow("PYW")


@pytest.mark.root
def test_an_unknown_user_is_a_sentence_at_the_start(start, servers):
    with pytest.raises(HttpdFailed, match="Invalid user 'nobody-of-that-name'"):
        start(f"WSGIDaemonProcess web user=nobody-of-that-name\n{APP}")
    [(_, server)] = servers.in_use()
    server.log.allow(".")
