"""Steady load whose every answer is checked, byte for byte, and counted: sent, answered, failed by cause.

The application to ask is `SCRIPT`: its answer names its version, its process and what it was sent, and has a
body that only the whole of a right answer has.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from . import raw, wait

# With `?N`, about N bytes come after the names; with `?N-MS`, it takes MS milliseconds over them.
SCRIPT = """
import hashlib, os, time

VERSION = "{version}"

def application(environ, start_response):
    size, _, pause = (environ["QUERY_STRING"] or "0").partition("-")
    sent = hashlib.sha256(environ["wsgi.input"].read()).hexdigest()
    names = ("%s %d %s " % (VERSION, os.getpid(), sent)).encode()
    filling = hashlib.sha256(names).hexdigest().encode() * (int(size) // 64 + 1)
    start_response("200 OK", [("Content-Length", str(len(names + filling)))])
    yield names
    time.sleep(int(pause or 0) / 1000)
    yield filling
"""

STALL = 30.0
PER_CONNECTION = 50  # requests; then a new one
BODY = b"0123456789abcdef" * 3000


def script(version: str) -> str:
    return SCRIPT.replace("{version}", version)


@dataclass(frozen=True)
class Answer:
    version: str
    pid: int


class Wrong(AssertionError):
    """An answer that is whole by HTTP and not the application's."""


def read(response: raw.Response, size: int = 0, body: bytes = b"") -> Answer:
    """What an answer of `SCRIPT` says; raise `Wrong` for one that is not as it has to be."""
    found = re.fullmatch(rb"((\S+) (\d+) (\S+) )([0-9a-f]+)", response.body)
    if not found:
        raise Wrong(f"not an answer: {response.body[:100]!r}")
    names, version, pid, sent, filling = found.groups()
    if sent != hashlib.sha256(body).hexdigest().encode():
        raise Wrong("it read another body than was sent")
    if filling != hashlib.sha256(names).hexdigest().encode() * (size // 64 + 1):
        raise Wrong(f"the body is not that of {names!r}")
    return Answer(version.decode(), int(pid))


@dataclass
class Counts:
    """`failed` by cause: a status, "cut", "wrong", or how the connection ended.

    A connection that ends between two requests, with nothing of an answer, is counted in `closed` and the
    request is sent again on another: HTTP allows that at any time, and clients do the same.
    """

    sent: int = 0
    answered: int = 0
    closed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    answers: Counter[Answer] = field(default_factory=Counter)

    def failures(self) -> int:
        return sum(self.failed.values())

    def versions(self) -> set[str]:
        return {answer.version for answer in self.answers}

    def pids(self) -> set[int]:
        return {answer.pid for answer in self.answers}

    def report(self) -> str:
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(self.failed.items()))
        return (
            f"{self.sent} sent, {self.answered} answered, {self.failures()} failed"
            f" ({causes or 'none'}), {self.closed} sent again, {len(self.pids())} processes"
        )


class Server(Protocol):
    """Whatever can be connected to."""

    def connect(self, timeout: float) -> raw.Connection: ...


class Client:
    """One that asks over and over, with a body or without, keeping its connection or not."""

    def __init__(self, server: Server, target: str, keeps: bool, body: bytes = b"") -> None:
        self.server, self.target, self.body = server, target, body
        self.size = int(target.partition("?")[2].partition("-")[0] or 0)
        self.per_connection = PER_CONNECTION if keeps else 1
        self.counts = Counts()

    def run(self, is_over: threading.Event) -> Counts:
        while not is_over.is_set():
            try:
                with self.server.connect(timeout=STALL) as connection:
                    self._use(connection, is_over)
            except OSError as error:
                self.counts.sent += 1
                self.counts.failed[type(error).__name__] += 1
        return self.counts

    def _use(self, connection: raw.Connection, is_over: threading.Event) -> None:
        for number in range(self.per_connection):
            if is_over.is_set() or not self._ask(connection, number):
                return

    def _ask(self, connection: raw.Connection, number: int) -> bool:
        """Whether the connection may be used again."""
        counts = self.counts
        counts.sent += 1
        try:
            response = connection.request(
                "POST" if self.body else "GET", self.target, body=self.body or None
            )
        except (EOFError, OSError) as error:
            is_end = isinstance(error, EOFError | ConnectionError)
            if number > 0 and is_end and connection.got_nothing():
                counts.sent -= 1
                counts.closed += 1
            else:
                counts.failed[type(error).__name__] += 1
            return False
        if not response.complete or response.status != 200:
            counts.failed["cut" if not response.complete else str(response.status)] += 1
            return response.complete and response.header("Connection") != "close"
        try:
            counts.answers[read(response, self.size, self.body)] += 1
        except Wrong:
            counts.failed["wrong"] += 1
            return False
        counts.answered += 1
        return response.header("Connection") != "close"


class Load:
    """Clients at work. `total` may be looked at any time."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients

    def total(self) -> Counts:
        total = Counts()
        for each in (client.counts for client in self.clients):
            total.sent += each.sent
            total.answered += each.answered
            total.closed += each.closed
            total.failed += Counter(dict(each.failed))
            total.answers += Counter(dict(each.answers))
        return total

    def answered(self) -> int:
        return sum(client.counts.answered for client in self.clients)

    def goes_on(self, count: int = 20, timeout: float = STALL) -> None:
        """Wait until so many more have been answered."""
        before = self.answered()
        wait.until(lambda: self.answered() >= before + count, f"{count} more answers", timeout)


@contextlib.contextmanager
def on(server: Server, target: str, clients: int = 4) -> Iterator[Load]:
    """Load while the block runs; at its end all requests that were sent have their answers.

    Every other client keeps its connection, and of each four the last two send a body.
    """
    load = Load(
        [
            Client(server, target, number % 2 == 0, BODY if number % 4 >= 2 else b"")
            for number in range(clients)
        ]
    )
    is_over = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(client.run, is_over) for client in load.clients]
        try:
            load.goes_on()
            yield load
        finally:
            is_over.set()
            for each in running:
                each.result(STALL * 2)
