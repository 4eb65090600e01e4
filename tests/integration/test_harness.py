"""The test support itself, proven on an Apache without our module: a check that cannot fail is none."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from support import procs, raw, wait
from support.conf import Conf, quote
from support.errorlog import ErrorLog
from support.machine import HttpdFailed


@pytest.fixture
def plain(start):
    return start(load=False)


def test_serves_files(plain):
    response = plain.get("/alive")
    assert (response.status, response.body, response.complete) == (200, b"alive\n", True)
    assert response.header("content-length") == "6"


def test_keeps_a_connection(plain):
    with plain.connect() as connection:
        assert [connection.request("GET", "/alive").status for _ in range(3)] == [200] * 3
        assert connection.request("HEAD", "/alive").body == b""
        assert connection.request("GET", "/missing").status == 404


def test_runs_as_the_web_user(plain):
    if plain.around.facts.user:
        uids = {procs.status(pid)["Uid"].split()[1] for pid in plain.children()}
        assert "0" not in uids


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_every_mpm(start, mpm):
    assert start(load=False, mpm=mpm).get("/alive").status == 200


def test_graceful_and_restart(plain):
    before = plain.children()
    plain.graceful()
    plain.restart()
    assert plain.get("/alive").status == 200
    wait.until(lambda: not set(before) & set(plain.children()), "the old generation to end")


def test_stop_leaves_nothing(plain):
    family = plain.descendants()
    assert family
    assert plain.stop() == []
    assert not any(procs.alive(pid) for pid in family)


def test_a_broken_configuration_is_reported(start, configtest):
    status, words = configtest("NoSuchDirective On", load=False)
    assert status != 0
    assert "NoSuchDirective" in words
    with pytest.raises(HttpdFailed, match="NoSuchDirective"):
        start("NoSuchDirective On", load=False)


def test_unclaimed_lines_fail(plain):
    plain.begin_test()
    with plain.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        connection.read_response()
    plain.write("htdocs/.htaccess", "", 0o600)
    with (plain.root / "error_log").open("a") as log:
        log.write(
            "[now] [wsgi:error] [pid 1] [log -] [conn -] PYW0999: planted\n"
            "[now] [wsgi:info] [pid 1] [log -] [conn -] PYW0998: quiet\n"
            "==1==ERROR: AddressSanitizer: planted\n"
        )
    problems = plain.end_test()
    assert any("PYW0999" in each for each in problems)
    assert not any("PYW0998" in each for each in problems)
    assert any("sanitizer report" in each for each in problems)
    plain.log.claim("PYW0999")
    assert not any("PYW0999" in each for each in plain._check_logs())
    plain.log.mark()


def test_lost_processes_and_descriptors_are_noticed(plain):
    plain.get("/alive")
    plain.begin_test()
    plain._first_fds[plain.pid] = (0, 0)
    problems = plain._differences(plain._baseline, plain._look())
    assert any("other descriptors" in each for each in problems)
    other = type(plain._baseline)(programs=("x",), fds={})
    assert any("processes were" in each for each in plain._differences(other, plain._look()))
    plain._baseline = None


def test_claims_wait_for_a_code(tmp_path):
    path = tmp_path / "log"
    line = "[t] [wsgi:error] [pid 7] [log abc] [conn -] PYW0001: text\n"
    threading.Timer(0.05, lambda: path.write_text(line)).start()
    [found] = ErrorLog(path).claim("PYW0001")
    assert (found.code, found.level, found.pid, found.log_id) == ("PYW0001", "error", 7, "abc")
    with pytest.raises(AssertionError, match="waited"):
        ErrorLog(path).claim("PYW0002", timeout=0.01)


def serve_once(data: bytes) -> int:
    """A server that answers one connection with these bytes; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(data)
        connection.close()
        listener.close()

    threading.Thread(target=answer, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("data", "body", "complete"),
    [
        (b"Content-Length: 3\r\n\r\nabc", b"abc", True),
        (b"Content-Length: 4\r\n\r\nabc", b"abc", False),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc", True),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"abc", False),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", b"abc", False),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", b"abc", False),
        (b"\r\nabc", b"abc", True),
    ],
)
def test_the_client_knows_a_cut_response(data, body, complete):
    port = serve_once(b"HTTP/1.1 200 OK\r\n" + data)
    with raw.Connection("127.0.0.1", port) as connection:
        response = connection.request("GET", "/")
    assert (response.body, response.complete) == (body, complete)


def test_orphans_are_seen():
    """A grandchild whose parent ends becomes ours, so it cannot hide."""
    before = set(procs.orphans())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            os.read(read, 1)
            os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
    [orphan] = wait.until(lambda: set(procs.orphans()) - before, "the orphan to be adopted")
    os.write(write, b"x")
    wait.until(lambda: procs.zombie(orphan), "the orphan to end")
    procs.reap()
    assert not set(procs.orphans()) - before
    os.close(read)
    os.close(write)


def test_quoting():
    conf = Conf()
    with conf.section("Directory", "/a b"):
        conf.add("SetEnv", "key", 'say "hi" \\ there')
    assert conf.text() == (
        '<Directory "/a b">\n    SetEnv key "say \\"hi\\" \\\\ there"\n</Directory>\n'
    )
    for bad in ("a\nb", "${HOME}", "a\0b"):
        with pytest.raises(ValueError, match=r"."):
            quote(bad)
