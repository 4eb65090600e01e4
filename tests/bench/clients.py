"""Clients in Python, for what wrk cannot do: those that judge every single answer, and slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

FAILED_PAUSE = 0.01  # seconds, before a client tries again
PATIENCE = 30.0  # seconds until an answer counts as failed
SLOW_PIECE, SLOW_BODY, SLOW_BUFFER = 1024, 65536, 4096  # bytes
Job = Callable[[], Awaitable[None]]


class Cut(Exception):
    """The connection ended before the answer did; the message says where."""


@dataclass(frozen=True)
class Failure:
    """A request without a right answer."""

    begun: float  # by time.monotonic()
    what: str


@dataclass
class Tally:
    """What callers have seen; `kills` is the campaign's, all else is written by their thread alone."""

    requests: int = 0
    retried: int = 0
    failures: list[Failure] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)  # when a process was killed
    seen: dict[bytes, float] = field(default_factory=dict)  # bodies of right answers: when last


@contextlib.contextmanager
def working(jobs: Sequence[Job]) -> Iterator[None]:
    """Run these side by side in a thread of their own, until the block is over."""
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def work() -> None:
        tasks = {asyncio.ensure_future(job()) for job in jobs}
        await stopping.wait()
        while tasks:  # wait_for() of Python 3.11 may swallow what cancels it
            for task in tasks:
                task.cancel()
            done, tasks = await asyncio.wait(tasks, timeout=0.1)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    loop.call_exception_handler({"message": "a client ended", "exception": error})

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(work())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()


class Caller:
    """Asks again and again on a connection that is kept, as a browser does: where one that was used
    before is closed without a byte of an answer, it asks once more on a new one."""

    def __init__(self, port: int, path: str, tally: Tally) -> None:
        self.port = port
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.tally = tally
        self.connection: Connection | None = None

    async def call(self) -> None:
        try:
            while True:
                await self._call_once()
        finally:
            self._drop()

    async def _call_once(self) -> None:
        begun = time.monotonic()
        try:
            status, body = await self._ask()
        except (Cut, OSError, asyncio.TimeoutError) as error:
            self.tally.failures.append(Failure(begun, str(error) or type(error).__name__))
            self._drop()
            await asyncio.sleep(FAILED_PAUSE)
        else:
            if status == 200:
                self.tally.seen[body] = time.monotonic()
            else:
                self.tally.failures.append(Failure(begun, f"status {status}"))
        self.tally.requests += 1

    async def _ask(self) -> tuple[int, bytes]:
        if self.connection is not None and self.connection.is_over:
            self._drop()
        if self.connection is not None:
            try:
                return await self.connection.ask(self.request)
            except (Cut, ConnectionError):
                if self.connection.has_begun:
                    raise
                self.tally.retried += 1
                self._drop()
        self.connection = await Connection.opened(self.port)
        return await self.connection.ask(self.request)

    def _drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Connection:
    """HTTP/1.1, one request after the other; answers have a Content-Length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_over = False  # the server said that it closes
        self.has_begun = False  # to answer the present request

    @classmethod
    async def opened(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.has_begun = False
        self.writer.write(request)
        return await asyncio.wait_for(self._answer(), PATIENCE)

    async def _answer(self) -> tuple[int, bytes]:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            self.has_begun = True
            status, headers = parse_head(head)
            self.is_over = headers.get("connection", "").lower() == "close"
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        except asyncio.IncompleteReadError as error:
            self.has_begun = self.has_begun or bool(error.partial)
            raise Cut(f"cut after {len(error.partial)} bytes") from None
        return status, body

    def close(self) -> None:
        self.writer.close()


def slow_reader(port: int, path: str) -> Job:
    """Asks for PATH, again and again, and takes SLOW_PIECE bytes of the answer each second."""

    async def read(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.0\r\n\r\n".encode())
        while await loop.sock_recv(connection, SLOW_PIECE):
            await asyncio.sleep(1)

    return _again(port, read)


def slow_writer(port: int, path: str) -> Job:
    """Sends SLOW_BODY bytes to PATH, again and again, SLOW_PIECE of them each second."""
    head = f"POST {path} HTTP/1.0\r\nContent-Length: {SLOW_BODY}\r\n\r\n".encode()

    async def write(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        await loop.sock_sendall(connection, head)
        for _ in range(SLOW_BODY // SLOW_PIECE):
            await loop.sock_sendall(connection, b"x" * SLOW_PIECE)
            await asyncio.sleep(1)
        while await loop.sock_recv(connection, 65536):
            pass

    return _again(port, write)


Talk = Callable[[asyncio.AbstractEventLoop, socket.socket], Awaitable[None]]


def _again(port: int, talk: Talk) -> Job:
    """Talk on one connection after the other, with small buffers of the kernel."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket() as connection, contextlib.suppress(OSError):
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
                await loop.sock_connect(connection, ("127.0.0.1", port))
                await talk(loop, connection)
            await asyncio.sleep(1)

    return work


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers, their names in small letters."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}
