"""Waiting for something to become true, with a deadline instead of a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05


class Late(AssertionError):
    """What was waited for did not happen before the deadline."""


def until(probe: Callable[[], T], what: str, timeout: float = 10.0) -> T:
    """Return the first true value of `probe`; raise `Late` with `what` after `timeout` seconds.

    The probe runs once more after the deadline, so that a stall of this process is not
    mistaken for a stall of the server.
    """
    deadline = time.monotonic() + timeout
    pause = FIRST_PAUSE
    while True:
        late = time.monotonic() >= deadline
        value = probe()
        if value:
            return value
        if late:
            raise Late(f"waited {timeout:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def holds(probe: Callable[[], object], what: str, seconds: float) -> None:
    """Check that `probe` stays true for `seconds`: for claims of the kind "X does not happen"."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not probe():
            raise AssertionError(f"did not stay true for {seconds:g} s: {what}")
        time.sleep(0.02)
