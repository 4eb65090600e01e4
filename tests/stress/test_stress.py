"""Under load and over time: nothing fails that should not, and nothing grows."""

from __future__ import annotations

import concurrent.futures
import random
import time

import pytest

from support import inline, procs, raw, wait

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("what", ["/hello", "/stream/pattern?300000", "/environ/a?b=c"])
def test_nothing_grows(server, what):
    """Memory and descriptors after many requests are what they were after a few."""

    def rounds(count):
        with server.connect() as connection:
            for index in range(count):
                assert connection.request("GET", what).status == 200
                if index % 90 == 89:
                    connection.close()
                    connection.__init__(server.host, server.port)

    rounds(500)
    watched = [*server.daemons(), *server.children()]
    before = {pid: (procs.rss(pid), procs.fd_counts(pid)) for pid in watched}
    rounds(5000)
    for pid, (rss, (sockets, others)) in before.items():
        now_sockets, now_others = procs.fd_counts(pid)
        assert procs.rss(pid) - rss < 3_000_000, procs.program(pid)
        assert (now_sockets, now_others) <= (sockets + 8, others), procs.fds(pid)


def test_clients_that_leave_at_any_moment(server):
    """Hundreds of clients that hang up at random: no error, no leak, no stuck thread."""
    server.log.allow("PYW|client|abort|reset")
    code = """
        write = start_response("200 OK", [])
        for _ in range(20):
            write(b"x" * 5000)
            time.sleep(0.001)
        return []
    """
    random.seed(1)
    for _ in range(300):
        connection = server.connect()
        data = raw.encode("POST", "/inline", [inline.header(code)], b"y" * 3000)
        connection.send(data[: random.randrange(len(data))])
        if random.random() < 0.5:
            time.sleep(random.random() * 0.01)
        connection.reset() if random.random() < 0.5 else connection.close()
    wait.until(lambda: server.get("/hello").status == 200, "the server to answer", 20)
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        results = [pool.submit(inline.run, server, code) for _ in range(5)]
        assert [each.result().status for each in results] == [200] * 5
    assert time.monotonic() - begun < 10
