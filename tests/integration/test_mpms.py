"""A smoke set under every MPM: the main run is under event."""

from __future__ import annotations

import concurrent.futures

import pytest

from support import curl, inline, machine
from support.errorlog import SANITIZER


@pytest.fixture(params=[name for name in machine.MPMS if name != "event"])
def server(request, servers, mode):
    return servers.shared(mode, request.param)


def test_hello(server):
    for _ in range(20):
        assert server.get("/hello").body == b"Hello, world\n"


def test_post(server):
    response = server.post("/stream/echo", b"abc" * 100_000)
    assert (response.body, response.complete) == (b"abc" * 100_000, True)


def test_chunked_post(server):
    response = server.post("/stream/count", [b"abc" * 1000] * 10)
    assert response.body == b"30000"


def test_stream(server):
    response = server.get("/stream/pattern?3000000")
    assert (len(response.body), response.complete) == (3_000_000, True)


def test_file(server):
    path = server.scratch / "f"
    path.write_bytes(b"z" * 500_000)
    path.chmod(0o644)
    code = """
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](open(environ["test.scratch"] + "/f", "rb"))
    """
    assert inline.run(server, code).body == b"z" * 500_000


def test_error(server):
    assert inline.run(server, "raise ValueError('smoke')").status == 500
    server.log.claim_traceback("ValueError: smoke")


def test_cut(server):
    code = 'start_response("200 OK", [])\nyield b"x"\nraise ValueError("cut")'
    name, value = inline.header(code)
    assert curl.get(server.url("/inline"), "http1", "-H", f"{name}: {value}").exit != 0
    server.log.claim_traceback("ValueError: cut")


def test_environ(server):
    shown = server.get("/environ/a?b").json()
    assert shown["PATH_INFO"] == ["str", "/a"]
    multithread = shown["wsgi.multithread"][1]
    if shown["mod_wsgi.process_group"][1] == "":
        assert multithread is (server.settings.mpm != "prefork")
    else:
        assert multithread is True


def test_many_at_once(server):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [pool.submit(server.get, "/hello") for _ in range(100)]
        assert {each.result().status for each in results} == {200}


def test_graceful(servers, start, mode):
    for mpm in ("worker", "prefork"):
        server = start(mode=mode, mpm=mpm)
        assert server.get("/hello").status == 200
        server.graceful()
        assert server.get("/hello").status == 200
        assert not [line for line in server.log.read() if SANITIZER.search(line.text)]
