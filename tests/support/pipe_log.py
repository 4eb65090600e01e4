"""What processes write into a pipe."""

from __future__ import annotations

import os
import select
import threading


class PipeLog:
    """Reads the pipe until all of its writers have gone; owns `fd`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._data = bytearray()
        self._lock = threading.Lock()
        self._is_over = False
        os.set_blocking(fd, False)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _drain(self) -> bool:
        """Take what is there; whether more may come."""
        with self._lock:
            while not self._is_over:
                try:
                    data = os.read(self._fd, 65536)
                except BlockingIOError:
                    return True
                self._data += data
                self._is_over = not data
            return False

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while self._drain():
            poll.poll()
        os.close(self._fd)

    @property
    def text(self) -> str:
        """All that had been written when it was asked for, whatever the reader has got to."""
        self._drain()
        with self._lock:
            return self._data.decode("utf-8", "replace")

    def join(self, timeout: float) -> None:
        """Wait for the writers' end; seconds."""
        self._reader.join(timeout)
