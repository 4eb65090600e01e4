"""Waiting for a change of files: by the system's notices where the package watchfiles is there.

The waiting may end early or late; whoever waits looks for itself what has changed.
"""

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol

_INTERVAL = 0.25  # seconds between two looks, without watchfiles
_LONGEST = 250  # ms, with it: then files that were imported in the meantime are watched too
_STEP = 15  # ms; changes that come one after another within it are one
_DEBOUNCE = 150  # ms that such a series may take


class Notifier(Protocol):
    """Waits."""

    def wait(self, files: set[str]) -> None:
        """Return when one of the files may have changed, when it is time, or to stop."""


def choose(stopped: threading.Event, interval: float | None = None) -> Notifier:
    """The best way that there is.

    :param interval: seconds between two looks, for those who want no notices.
    """
    if interval is not None:
        return Polling(stopped, interval)
    try:
        watchfiles = importlib.import_module("watchfiles")
    except ImportError:
        return Polling(stopped, _INTERVAL)
    return Notices(stopped, watchfiles)


class Polling:
    """Waits for a fixed time."""

    def __init__(self, stopped: threading.Event, interval: float) -> None:
        self._stopped = stopped
        self._interval = interval

    def wait(self, files: set[str]) -> None:
        self._stopped.wait(self._interval)


class Notices:
    """Waits for notices on the directories of the files, which editors replace."""

    def __init__(self, stopped: threading.Event, watchfiles: Any) -> None:
        self._stopped = stopped
        self._watchfiles = watchfiles
        self._files: set[str] = set()
        self._directories: frozenset[str] = frozenset()
        self._notices: Iterator[object] | None = None
        self._fallback = Polling(stopped, _INTERVAL)

    def wait(self, files: set[str]) -> None:
        self._files = files
        directories = frozenset(directories_of(files))
        if directories != self._directories:
            self._directories = directories
            self._notices = self._begin()
        if self._notices is None:
            self._fallback.wait(files)
            return
        try:
            next(self._notices, None)
        except Exception as error:  # too many watches, a directory that goes: whatever it is
            print(f"mod_pywsgi: no notices of changed files: {error}", file=sys.stderr, flush=True)
            self._notices = None

    def _begin(self) -> Iterator[object]:
        notices: Iterator[object] = self._watchfiles.watch(
            *sorted(self._directories),
            watch_filter=self._matters,
            stop_event=self._stopped,
            step=_STEP,
            debounce=_DEBOUNCE,
            rust_timeout=_LONGEST,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        return notices

    def _matters(self, _change: object, path: str) -> bool:
        return path.endswith(".py") or path in self._files or os.path.dirname(path) in self._files


def directories_of(files: set[str]) -> set[str]:
    """Those that can be watched: of files, and directories that are looked at themselves."""
    places = {os.path.dirname(path) for path in files}
    places |= {path for path in files if not path.endswith((".py", ".so")) and os.path.isdir(path)}
    return {path for path in places if os.access(path, os.R_OK | os.X_OK)}
