"""A pywsgi-daemon on its own: this process plays the supervisor and the Apache child.

Needs no Apache. The group table is read as src/server/channel/table.c lays it out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from support import procs, wait, wire
from support.pipe_log import PipeLog

FIRST_FREE_FD = 8
SLOTS = 4
CELLS = 1
TABLE_HEAD = 448
SLOT_SIZE = 128
ROSTER_SIZE = 64 * (4 + 4096 + 512)
CELLS_SIZE = 64 + CELLS * 64
REPORT_AT, CAPACITY_AT, ACTIVE_AT, SERVED_AT, WISH_AT = 64, 68, 72, 80, 88
READY, DRAINING = 1, 2
GENERATION = 7
SECRET = secrets.token_bytes(32)

# What a child process executes to put its descriptors in place; sh has no way to say it.
_LAUNCH = """
import os, sys
fds = [int(word) for word in sys.argv[1].split(",")]
high = [os.dup2(fd, 50 + at) for at, fd in enumerate(fds)]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.closerange(3 + len(fds), 256)
os.execv(sys.argv[2], sys.argv[2:])
"""


_PRELOAD = ("preload-script", "preload-group", "preload-mount", "preload-callable")


def setup_bytes(
    entries: Mapping[str, str | bytes], preloads: Sequence[tuple[str, ...]] = ()
) -> bytes:
    rows: list[tuple[str, str | bytes]] = list(entries.items())
    for preload in preloads:
        rows += zip(_PRELOAD, preload, strict=False)
    return b"".join(wire.str16(name) + b"\0" + wire.str32(value) + b"\0" for name, value in rows)


def _memfd(name: str, data: bytes) -> int:
    fd = os.memfd_create(name)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Table:
    """The group table, as its creator sees it."""

    def __init__(self) -> None:
        size = TABLE_HEAD + SLOTS * SLOT_SIZE + ROSTER_SIZE + CELLS_SIZE
        head = struct.pack("<IIII", 0x54575950, 1, SLOTS, CELLS)
        self.fd = _memfd("group", head.ljust(size, b"\0"))

    def note_loaded(self, script: Path) -> None:
        """As if a process of the group had loaded it into the main interpreter, the first of all."""
        entry = struct.pack("<I4096s512s", 2, str(script).encode(), b"")
        os.pwrite(self.fd, entry, TABLE_HEAD + SLOTS * SLOT_SIZE)

    def number(self, at: int, code: str = "I", slot: int = 0) -> int:
        raw = os.pread(self.fd, struct.calcsize(code), TABLE_HEAD + slot * SLOT_SIZE + at)
        value: int = struct.unpack("<" + code, raw)[0]
        return value

    @property
    def wish(self) -> int:
        """PYW_WISH_*; 0: none."""
        return self.number(WISH_AT) & 0xFF

    @property
    def report(self) -> int:
        value = self.number(REPORT_AT)
        return value & 0xFF if value >> 8 == GENERATION else 0

    @property
    def active(self) -> int:
        return self.number(ACTIVE_AT)

    @property
    def capacity(self) -> int:
        return self.number(CAPACITY_AT)

    @property
    def served(self) -> int:
        return self.number(SERVED_AT, "Q")


class Daemon:
    """One daemon process."""

    def __init__(
        self,
        program: Path,
        *,
        options: Mapping[str, object] | None = None,
        entries: Mapping[str, str | bytes] | None = None,
        preloads: Sequence[tuple[str, ...]] = (),
        environ: Mapping[str, str] | None = None,
        loaded: Path | None = None,
    ) -> None:
        self.program = program
        self.secret = SECRET
        self.root = Path(tempfile.mkdtemp(prefix="pywsgi-daemon-"))
        self.root.chmod(0o755)
        self.path = self.root / "socket"
        self.table = Table()
        if loaded:
            self.table.note_loaded(loaded)
        self._channels: list[wire.Channel] = []
        self._start(self._setup(options or {}, entries or {}, preloads), environ)

    def _setup(
        self,
        options: Mapping[str, object],
        entries: Mapping[str, str | bytes],
        preloads: Sequence[tuple[str, ...]],
    ) -> bytes:
        rows: dict[str, str | bytes] = {
            "group": "test",
            "slot": "0",
            "generation": str(GENERATION),
            "peer-uid": str(os.geteuid()),
            "mpm-name": "event",
            "server-version-major": "2",
            "server-version-minor": "4",
            "server-version-patch": "62",
            "maximum-processes": "1",
            "threads-per-process": str(dict(options).get("threads", 15)),
            "is-multiprocess": "0",
            "is-debug": "0",
            "secret": self.secret,
        }
        rows |= {f"option:{name}": str(value) for name, value in options.items()}
        rows |= entries
        return setup_bytes(rows, preloads)

    def _start(self, setup: bytes, environ: Mapping[str, str] | None) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(100)
        lifeline, self.lifeline = socket.socketpair()
        self.notify, notify_write = os.pipe()
        os.set_blocking(self.notify, False)
        setup_fd = _memfd("setup", setup)
        fds = [setup_fd, self.table.fd, listener.fileno(), lifeline.fileno(), notify_write]
        # Above what the launcher uses, so that nothing is overwritten.
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-Sc", _LAUNCH, ",".join(map(str, fds)), str(self.program)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=fds,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
        for fd in [*fds, setup_fd, notify_write]:
            os.close(fd)
        lifeline.close()
        listener.close()
        assert self.process.stdout is not None
        self._log = PipeLog(os.dup(self.process.stdout.fileno()))
        self.process.stdout.close()

    @property
    def log(self) -> str:
        """All it has written so far."""
        return self._log.text

    @property
    def log_of_all(self) -> str:
        """The same, and what processes that it has forked have written."""
        return self.log

    def wait_wish(self, wish: int) -> None:
        """Wait until it wants a successor: 1 for itself, 2 for the whole group."""
        wait.until(lambda: self.table.wish == wish, "the wish")

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_ready(self) -> Daemon:
        wait.until(
            lambda: self.table.report == READY or self.process.poll() is not None,
            "the daemon to be ready",
            20,
        )
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log}")
        return self

    def channel(
        self, *, secret: bytes | None = None, greet: bool = True, timeout: float = 10
    ) -> wire.Channel:
        made = wire.Channel(self.path, secret or self.secret, timeout, greet)
        self._channels.append(made)
        return made

    def script(self, code: str, name: str = "app.wsgi") -> Path:
        """Write an application; the same name again gives it a new modification time."""
        path = self.root / name
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(code, encoding="utf-8")
        if path.stat().st_mtime_ns <= before:
            os.utime(path, ns=(before + 10**6, before + 10**6))
        return path

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def tell(self, word: bytes) -> None:
        """Say a word of channel/lifeline.h, as the supervisor does."""
        self.lifeline.sendall(word)

    def drain(self) -> None:
        """Have it drain, as when a successor is ready."""
        self.tell(b"D")

    def stacks(self) -> str:
        """What all threads do, as the supervisor asks for it."""
        ours, theirs = os.pipe()
        socket.send_fds(self.lifeline, [b"S"], [theirs])
        os.close(theirs)
        with open(ours, encoding="utf-8") as answer:
            return answer.read()

    def cut_lifeline(self) -> None:
        self.lifeline.close()

    def wait_end(self, timeout: float = 15) -> int:
        """Exit status, after all of the log was read."""
        status = self.process.wait(timeout)
        self._log.join(5)
        return status

    def descriptors(self) -> int:
        return len(procs.fds(self.pid))

    def close(self) -> None:
        for channel in self._channels:
            with contextlib.suppress(OSError):
                channel.close()
        self.cut_lifeline()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._log.join(5)
            for fd in (self.notify, self.table.fd):
                os.close(fd)
            shutil.rmtree(self.root, ignore_errors=True)


@contextlib.contextmanager
def running(program: Path, **settings: object) -> Iterator[Daemon]:
    daemon = Daemon(program, **settings)  # type: ignore[arg-type]
    try:
        yield daemon.wait_ready()
    finally:
        daemon.close()
