"""Section 1.7: what daemon mode is built on: sockets, their directory, and knobs that mod_wsgi needs."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pwd
import signal
import socket
import stat
import subprocess

import pytest

from support import inline, procs, wait

INLINE = (
    "WSGIApplicationGroup %{GLOBAL}\nWSGIDaemonProcess web processes=2\nWSGIProcessGroup web\n"
    "WSGIScriptAlias /inline @APPS@/inline/wsgi.py\nSetEnv test.scratch @SCRATCH@\n"
)
PID = 'start_response("200 OK", [])\nreturn [str(os.getpid()).encode()]'


def sockets(server):
    """Of the processes; the control socket is no business of theirs."""
    found = (server.root / "run").rglob("*")
    return sorted(path for path in found if path.is_socket() and path.suffix != ".control")


def folders(server):
    return {path.parent.name for path in sockets(server)}


def old_generation_gone(server, before):
    wait.until(lambda: not before & set(server.descendants()), "the old generation to end", 15)


# WSGISocketPrefix, WSGISocketRotation


def test_sockets_lie_in_the_runtime_directory(start):
    """In a directory per server and generation; each socket may be opened by Apache's user alone."""
    server = start(INLINE)
    assert folders(server) == {f"wsgi.{server.pid}.1"}
    for path in sockets(server):
        about = path.stat()
        assert stat.S_IMODE(about.st_mode) == 0o600
        if os.geteuid() == 0:
            assert about.st_uid == pwd.getpwnam(server.around.facts.user).pw_uid


def test_socket_prefix_is_relative_to_the_server_root(start):
    server = start(INLINE + "WSGISocketPrefix run/own/sock\n", files={"run/own/x": ""})
    assert folders(server) == {f"sock.{server.pid}.1"}


@pytest.mark.root
def test_socket_user_is_who_may_connect(start):
    """For children that run as somebody else than Apache's User, as mpm-itk's; nobody else gets through."""
    server = start(INLINE.replace("processes=2", "socket-user=games"))
    owner = pwd.getpwnam("games").pw_uid
    assert {path.stat().st_uid for path in sockets(server)} == {owner}
    assert {stat.S_IMODE(path.stat().st_mode) for path in sockets(server)} == {0o600}
    assert sockets(server)[0].parent.stat().st_mode & stat.S_IXOTH
    wait.until(lambda: inline.run(server, PID).status == 503, "the refusal")
    server.log.claim("PYW0156: No connection to process group 'web': Permission denied")
    path = str(sockets(server)[0])
    for user, outcome in (("games", "connected"), ("nobody", "PermissionError")):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", CONNECT, path],
            user=user,
            group=user if user == "games" else "nogroup",
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.strip() == outcome, done.stderr


@pytest.mark.parametrize("backlog", [0, 7])
def test_listen_backlog(start, backlog):
    """So many may wait, and one. The last of the two sockets of a process waits for its successor."""
    server = start(INLINE.replace("processes=2", f"listen-backlog={backlog}"))
    waiting = []
    with contextlib.ExitStack() as stack, pytest.raises(BlockingIOError):
        while True:
            peer = stack.enter_context(socket.socket(socket.AF_UNIX))
            peer.setblocking(False)
            peer.connect(str(sockets(server)[-1]))
            waiting.append(peer)
    assert len(waiting) == backlog + 1


CONNECT = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_rotation_on_gives_each_generation_a_directory(start, how):
    server = start(INLINE)
    before = set(server.descendants())
    getattr(server, how)()
    old_generation_gone(server, before)
    assert inline.run(server, PID).status == 200
    assert folders(server) == {f"wsgi.{server.pid}.2"}
    wait.until(lambda: len(list((server.root / "run").glob("wsgi.[0-9]*"))) == 1, "the old to go")


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_rotation_off_keeps_the_directory(start, how):
    """Its name is the server's, whatever the generation; nothing of an old one is left in it."""
    server = start(INLINE + "WSGISocketRotation Off\n")
    name = f"wsgi.{server.pid}.u{os.geteuid()}"
    assert folders(server) == {name}
    first = sockets(server)
    for _ in range(3):
        before = set(server.descendants())
        getattr(server, how)()
        assert inline.run(server, PID).status == 200
        old_generation_gone(server, before)
        assert folders(server) == {name}
    assert inline.run(server, PID).status == 200
    assert len(sockets(server)) == len(first)
    assert not set(first) & set(sockets(server))
    server.stop()
    assert list((server.root / "run").glob("wsgi.*")) == []


@pytest.mark.parametrize("rotation", ["On", "Off"])
def test_an_old_child_reaches_processes_after_a_graceful_restart(start, rotation):
    """mod_wsgi needs `Off` for that. Here the old generation keeps its own processes in both cases."""
    server = start(INLINE + f"WSGISocketRotation {rotation}\n")
    wait.until(lambda: len(server.daemons()) == 2, "two processes")
    old = set(server.daemons())
    code = f"""
        while not os.path.exists(environ["test.scratch"] + "/go"):
            time.sleep(0.01)
        {PID.replace(chr(10), chr(10) + " " * 8)}"""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(inline.run, server, code)
        wait.until(lambda: "inline/wsgi.py" in str(server.log.find("Loading")), "it to run")
        server.graceful()
        wait.until(
            lambda: int(inline.run(server, PID).text) not in old, "a new child to take requests"
        )
        (server.scratch / "go").touch()
        response = running.result(20)
    assert response.status == 200
    assert int(response.text) in old


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_supervisor_that_ends_leaves_its_sockets_to_the_next(start, number):
    server = start(INLINE + "WSGISocketRotation Off\n")
    wait.until(lambda: len(server.daemons()) == 2, "two processes")
    first = sockets(server)
    old = {*server.daemons()}
    [supervisor] = {procs.parent(pid) for pid in old}
    os.kill(supervisor, number)
    server.log.claim("PYW0009")
    server.log.allow("PYW")
    wait.until(lambda: not old & {*server.daemons()} and inline_answers(server), "others")
    assert sockets(server) == first
    server.stop()
    assert not sockets(server)


def inline_answers(server):
    return inline.run(server, PID).status == 200


# Knobs without anything to turn


@pytest.mark.parametrize(
    ("directive", "level"),
    [
        *(
            (f"WSGIAcceptMutex {name}", "info")
            for name in ("default", "flock", "fcntl", "sysvsem", "posixsem", "pthread")
        ),
        ("WSGIVerboseDebugging On", "notice"),
    ],
)
def test_said_once_and_accepted(start, directive, level):
    server = start(f"{directive}\n")
    [line] = server.log.find(directive.split()[0])
    assert line.level == level
    assert "may be taken out" in line.text
