"""A zygote and the processes that it forks: this process plays the supervisor that gives the orders."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from support import procs, wait, wire
from support.daemon import ACTIVE_AT, CAPACITY_AT, READY, REPORT_AT, Daemon
from support.pipe_log import PipeLog

_CREDENTIALS = struct.Struct("iII")


class Forked:
    """One process that a zygote forked for a slot."""

    def __init__(self, zygote: Zygote, slot: int, generation: int, must_load: bool) -> None:
        self.zygote = zygote
        self.slot = slot
        self.generation = generation
        self.path = zygote.root / f"socket.{slot}.{generation}"
        self._channels: list[wire.Channel] = []
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(100)
        self.lifeline, theirs = socket.socketpair()
        self.lifeline.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        output, log = os.pipe()
        order = struct.pack("<cIIB", b"F", slot, generation, must_load)
        socket.send_fds(zygote.lifeline, [order], [log, listener.fileno(), theirs.fileno()])
        os.close(log)
        listener.close()
        theirs.close()
        self._log = PipeLog(output)
        self.pid = self._meet()

    def _meet(self) -> int:
        """The pid as the kernel tells it; 0: the process never came to be."""
        self.lifeline.settimeout(20)
        data, items, _, _ = self.lifeline.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        if not data:
            return 0
        assert data == b"P"
        (level, kind, raw) = items[0]
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)
        pid: int = _CREDENTIALS.unpack(raw)[0]
        return pid

    @property
    def log(self) -> str:
        """All it has written so far."""
        return self._log.text

    def _number(self, at: int) -> int:
        return self.zygote.table.number(at, slot=self.slot)

    @property
    def report(self) -> int:
        value = self._number(REPORT_AT)
        return value & 0xFF if value >> 8 == self.generation else 0

    @property
    def capacity(self) -> int:
        return self._number(CAPACITY_AT)

    @property
    def active(self) -> int:
        return self._number(ACTIVE_AT)

    def wait_ready(self) -> Forked:
        wait.until(
            lambda: self.report == READY or not procs.alive(self.pid), "the fork to be ready", 20
        )
        assert self.report == READY, self.log
        return self

    def channel(self, timeout: float = 10) -> wire.Channel:
        made = wire.Channel(self.path, self.zygote.secret, timeout)
        self._channels.append(made)
        return made

    def get(self, script: Path) -> str:
        """Body of the application's answer."""
        answer = self.channel().request(script)
        assert answer.outcome == wire.OK, (answer, self.log)
        return answer.body.decode()

    def wait_end(self, timeout: float = 15) -> int:
        """Exit status, as its parent gets it; negative: of which signal it died."""

        def reap() -> tuple[int, int] | None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (pid, status) if pid else None

        _, status = wait.until(reap, "its end", timeout) or (0, 0)
        self.pid = 0
        self._log.join(5)
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        for channel in self._channels:
            with contextlib.suppress(OSError):
                channel.close()
        self.lifeline.close()
        if self.pid:
            self.wait_end()
        self._log.join(5)


class Zygote(Daemon):
    """A daemon process that serves nothing itself; `word` is what it said when it was ready."""

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
        self.word = b""
        self._forked: list[Forked] = []
        super().__init__(
            program,
            options={"preload": "On", **(options or {})},
            entries={"is-zygote": "1", **(entries or {})},
            preloads=preloads,
            environ=environ,
            loaded=loaded,
        )

    def wait_ready(self) -> Zygote:
        self.lifeline.settimeout(20)
        self.word = self.lifeline.recv(1)
        assert self.word, f"the zygote ended with {self.process.wait(15)}:\n{self.log}"
        return self

    def fork(self, slot: int = 0, generation: int = 1, *, must_load: bool = False) -> Forked:
        """Have it fork a process; returns when that has introduced itself, or cannot any more."""
        made = Forked(self, slot, generation, must_load)
        self._forked.append(made)
        return made

    def ready_fork(self, slot: int = 0, generation: int = 1) -> Forked:
        return self.fork(slot, generation).wait_ready()

    def close(self) -> None:
        for one in self._forked:
            one.close()
        super().close()

    @property
    def log_of_all(self) -> str:
        return self.log + "".join(one.log for one in self._forked)
