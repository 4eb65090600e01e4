"""What a connection costs that nobody uses: memory of the server for each, and whether it is still there."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import replace

from bench import cage, meter
from bench.campaigns import base
from bench.campaigns.base import Campaign, Chart, Column, Row
from bench.campaigns.sweep import SCENARIO, SPARE_DESCRIPTORS, THREADS
from bench.rounds import Pace, Say, standing
from bench.servers import (
    Around,
    Bjoern,
    Gunicorn,
    ModWsgiDaemon,
    OursDaemon,
    Server,
    ServerFailed,
    Uwsgi,
)

LEVELS = (1000, 5000)
AT_A_TIME = 64  # so that no server has more requests than threads
SECONDS_FOR_1000 = 3.0  # about
PATIENCE = 10
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
KIB = 1024


class Idle(Campaign):
    name = "idle"
    title = "idle connections, each answered once"
    columns = (
        Column("connections", "connections"),
        Column("before", "MiB before", "{:,.1f}"),
        Column("after", "MiB with them", "{:,.1f}"),
        Column("each_kib", "KiB each", "{:,.1f}"),
        Column("failed", "lost"),
    )
    chart = Chart(("each_kib",), across="connections")
    servers = (OursDaemon, ModWsgiDaemon, Uwsgi, Gunicorn, Bjoern)

    def seconds(self, pace: Pace) -> float:
        return SECONDS_FOR_1000 * sum(_levels(pace)) / 1000 * len(self.servers)

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        if reason := cage.allow_descriptors(max(_levels(pace)) + SPARE_DESCRIPTORS):
            say(f"  {reason}")
        around = replace(around, children=2, child_threads=64, child_factor=128, backlog=4096)
        rows = []
        for level in _levels(pace):
            # New ones for each level: what a server has once needed it mostly keeps.
            with standing(self.servers, around, SCENARIO, THREADS, say) as (running, problems):
                for kind in self.servers:
                    say(f"  {level} connections: {kind.name}")
                    if kind.name in running:
                        rows.append(_row(running[kind.name], level))
                    else:
                        rows.append(base.missing(kind, problems[kind.name], connections=level))
        return rows


def _row(server: Server, level: int) -> Row:
    try:
        with contextlib.ExitStack() as stack:
            _connect(server.port, AT_A_TIME, stack)  # what the first requests make it keep
            before, _ = meter.memory(server.processes())
            clients = _connect(server.port, level, stack)
            after, _ = meter.memory(server.processes())
            lost = sum(map(_is_closed, clients))
    except (OSError, ServerFailed) as error:
        return base.missing(type(server), f"FAILED: {error}", connections=level)
    return base.row(
        type(server),
        connections=level,
        before=before / cage.MIB,
        after=after / cage.MIB,
        each_kib=(after - before) / level / KIB,
        failed=lost,
    )


def _connect(port: int, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    """So many connections, each with one answer behind it."""
    clients: list[socket.socket] = []
    while len(clients) < count:
        part = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            for _ in range(min(AT_A_TIME, count - len(clients)))
        ]
        for client in part:
            client.sendall(REQUEST)
        for client in part:
            _read_answer(client)
        clients += part
    return clients


def _read_answer(client: socket.socket) -> None:
    seen = b""
    wanted = str(SCENARIO.answer).encode()
    deadline = time.monotonic() + PATIENCE
    while not seen.endswith(b"\r\n\r\n" + wanted):
        data = client.recv(4096)
        if not data or time.monotonic() > deadline:
            raise ServerFailed(f"no whole answer: {seen[:80]!r}")
        seen += data


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return not client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _levels(pace: Pace) -> Sequence[int]:
    return LEVELS[:1] if pace.is_quick else LEVELS
