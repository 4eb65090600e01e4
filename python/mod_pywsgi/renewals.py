"""Certificates that Apache has got by ACME, and takes into use at its next graceful restart.

mod_md's work is done by a child, as the application's user: what that could have written is
looked at from outside, never read.
"""

import os
import time
from pathlib import Path

INTERVAL = 10.0  # seconds between two looks
_PAUSE = 60.0  # at least, between two restarts: whoever may write there could ask for many


class Renewals:
    """Watches the directory in which mod_md leaves new certificates."""

    def __init__(self, store: Path) -> None:
        self._staging = store / "staging"
        self._seen: dict[str, float] = {}
        self._not_before = 0.0

    def are_due(self) -> bool:
        """Whether there is a new certificate, of which this has not said so yet."""
        if time.monotonic() < self._not_before:
            return False
        found = {name: _age(self._staging / name) for name in _names(self._staging)}
        new = {
            name: changed
            for name, changed in found.items()
            if changed is not None and self._seen.get(name) != changed
        }
        self._seen.update(new)
        if new:
            self._not_before = time.monotonic() + _PAUSE
        return bool(new)


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _age(domain: Path) -> float | None:
    """When the job of a domain was last written, None unless it has brought a certificate."""
    try:
        if not any(name.startswith("pubcert") for name in os.listdir(domain)):
            return None
        return os.lstat(domain / "job.json").st_mtime
    except OSError:
        return None
