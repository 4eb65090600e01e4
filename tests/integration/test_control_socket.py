"""The control socket: who may use it, clients that behave badly, where it lies and for how long."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import threading

import pytest

from mod_pywsgi.control import Control, ControlError
from support import inline, procs, wait
from support.control import accepts, conf, control_of, is_whole, settle, socket_of
from support.waiting import PID, WAIT

is_root = os.geteuid() == 0


@pytest.fixture
def begin(start):
    """A server, all of whose processes are ready."""

    def run(options="", rest="", count=1, **more):
        server = start(conf(options, rest), **more)
        settle(server, count)
        return server

    return run


# Who may use it


def test_only_the_owner_may_connect(begin):
    server = begin()
    about = socket_of(server).stat()
    assert stat.S_IMODE(about.st_mode) == 0o600
    assert about.st_uid == os.geteuid()


CONNECT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(20)
try:
    client.connect(sys.argv[1])
    client.sendall(b"status\\n")
    print(len(client.recv(100000)))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.root
@pytest.mark.skipif(not is_root, reason="only root can become somebody else")
def test_others_are_refused_even_where_the_mode_lets_them(begin):
    server = begin()

    def connect(user):
        return subprocess.run(
            ["/usr/bin/python3", "-c", CONNECT, str(socket_of(server))],
            user=user,
            group="nogroup",
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout.strip()

    users = ("nobody", server.around.facts.user)  # the application's user, for one
    assert [connect(user) for user in users] == ["PermissionError"] * 2
    socket_of(server).chmod(0o666)
    assert [
        connect(user) in ("0", "ConnectionResetError", "BrokenPipeError") for user in users
    ] == [
        True,
        True,
    ]
    assert len(server.log.claim("PYW0037", at_least=2)) == 2
    assert accepts(server)


# Clients that behave badly


def dial(server, data=b""):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(socket_of(server)))
    client.sendall(data)
    return client


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"\n", "The commands are"),
        (b"GET / HTTP/1.1\r\n\r\n", "The commands are"),
        (b"reload \x00web\n", "NUL"),
        (b"reload %zz\n", "hexadecimal"),
        (b"scale web 99999999999\n", "number of processes"),
        (b"x" * 5000, "too long"),
        (b"status " * 100 + b"\n", "no more words"),
    ],
)
def test_nonsense_is_answered(begin, line, answer):
    server = begin()
    with dial(server, line) as client, client.makefile("rb") as stream:
        document = b""
        with contextlib.suppress(ConnectionResetError):
            document = stream.readline()
        found = json.loads(document)
    assert found["ok"] is False and answer in found["error"]
    assert accepts(server)


def test_clients_that_say_nothing_or_do_not_read_hold_nobody_up(begin):
    server = begin()
    with contextlib.ExitStack() as stack:
        for data in (b"", b"stat", b"status\n", b"reload\n", b"stacks\n") * 3:
            stack.enter_context(dial(server, data))
        assert accepts(server)
        assert inline.run(server, PID).status == 200
    wait.until(lambda: is_whole(server, 1), "reloads to end")


# Where it lies, and for how long


def test_a_graceful_restart_keeps_the_path(begin):
    """At every moment somebody answers there, of the old generation or of the new."""
    server = begin()
    generations = set()
    enough = threading.Event()

    def look():
        while not enough.is_set():
            generations.add(control_of(server).status().generation)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for generation in (1, 2, 3):
            if generation > 1:
                server.graceful()
            wait.until(lambda g=generation: g in generations, f"generation {generation}")
            assert not looking.done()
        enough.set()
        looking.result(20)
    assert generations == {1, 2, 3}
    assert control_of(server).reload().ok


def test_a_generation_that_has_gone_into_retirement_answers_nobody(begin):
    """Though it lives on for a request that takes long."""
    server = begin()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(inline.run, server, WAIT + PID)
        wait.until((server.scratch / "running").exists, "the application to run")
        old = control_of(server).status().supervisor
        server.graceful()
        wait.until(lambda: control_of(server).status().generation == 2, "the new generation")
        seen = [control_of(server).status().supervisor for _ in range(30)]
        assert old not in seen
        assert procs.alive(old)
        (server.scratch / "go").touch()
        assert slow.result(20).status == 200
    wait.until(lambda: not procs.alive(old), "the old generation to end")


def test_another_restart_keeps_it_too(begin):
    server = begin()
    server.restart()
    found = control_of(server).status()
    assert (found.generation, found.pid) == (2, server.pid)
    assert found.uptime > found.age


def test_a_new_path_takes_the_old_one_away(begin):
    server = begin()
    text = server.conf_file.read_text(encoding="utf-8")
    server.conf_file.write_text(text + "WSGIControlSocket run/other\n", encoding="utf-8")
    server.graceful()
    wait.until((server.root / "run" / "other").exists, "the new socket")
    assert Control(server.root / "run" / "other").status().generation == 2
    assert not socket_of(server).exists()
    server.conf_file.write_text(text + "WSGIControlSocket Off\n", encoding="utf-8")
    server.graceful()
    wait.until(lambda: not (server.root / "run" / "other").exists(), "no socket")
    assert inline.run(server, PID).status == 200


def test_a_supervisor_that_died_leaves_it_to_the_next(begin):
    server = begin()
    before = control_of(server).status().supervisor
    os.kill(before, signal.SIGKILL)
    server.log.claim("PYW0009")
    server.log.allow("PYW")

    def is_another():
        return control_of(server).status().supervisor != before

    wait.until(is_another, "the next supervisor to answer", 20)
    wait.until(lambda: is_whole(server, 1), "its processes", 20)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_goes_with_the_server(begin, how):
    server = begin()
    assert getattr(server, how)() == []
    wait.until(lambda: not socket_of(server).exists(), "the socket to go")
    with pytest.raises(ControlError, match="no control socket"):
        control_of(server).status()


def test_a_foreign_socket_in_its_place_stays(begin):
    """Whoever put it there after us will miss it."""
    server = begin()
    socket_of(server).unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(socket_of(server)))
        server.stop()
        assert socket_of(server).exists()


def test_what_a_killed_server_left_is_replaced(start):
    def leave(server):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(socket_of(server)))

    server = start(conf(), prepare=leave)
    assert control_of(server).status().pid == server.pid


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("WSGIControlSocket @ROOT@/htdocs/alive\n", "htdocs/alive' is there and is no socket"),
        ("WSGIControlSocket @ROOT@/nowhere/control\n", "nowhere/control': No such file"),
    ],
)
def test_a_place_that_it_cannot_have(start, directive, words):
    """The server runs without it."""
    server = start(conf(rest=directive))
    assert inline.run(server, PID).status == 200
    [line] = server.log.claim("PYW0036")
    assert words in line.text and "WSGIControlSocket" in line.text
    assert (server.root / "htdocs" / "alive").read_text() == "alive\n"


def test_off_and_embedded_have_none(start):
    server = start(conf(rest="WSGIControlSocket Off\n"))
    assert inline.run(server, PID).status == 200
    assert not socket_of(server).exists()
    embedded = start(
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /inline @APPS@/inline/wsgi.py\n"
    )
    assert inline.run(embedded, PID).status == 200
    assert not socket_of(embedded).exists()


def test_orders_are_logged_and_questions_are_not(begin):
    server = begin()
    control_of(server).status()
    control_of(server).reload("web")
    [line] = server.log.find("PYW0038")
    assert line.level == "notice"
    assert line.text.endswith(f"User {os.geteuid()} asked by the control socket: reload web")
