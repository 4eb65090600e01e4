"""Replacing the process when a file that it imported changes.

A thread looks at the files once a second. When one has changed it asks its own process
to end; the server starts the successor at once.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping

Stamp = tuple[int, int]  # time of the last change in ns, and size

_INTERVAL = 1.0  # seconds


def changes(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> list[str]:
    """Files that differ. One that is missing is not yet a change: editors replace files."""
    return [path for path, stamp in after.items() if before.get(path, stamp) != stamp]


def source_files(extra: Iterable[str] = ()) -> set[str]:
    """The files of all imported modules, and others."""
    files = set(extra)
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and os.path.isabs(path):
            files.add(path[:-1] if path.endswith(".pyc") else path)
    return files


def stamps(files: Iterable[str]) -> dict[str, Stamp]:
    """When each file was changed last; those that are not there are left out."""
    found: dict[str, Stamp] = {}
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def end_process(changed: str) -> None:
    """Say why, and end this process in good order."""
    print(
        f"mod_pywsgi: {changed} has changed; process {os.getpid()} is being replaced",
        file=sys.stderr,
        flush=True,
    )
    os.kill(os.getpid(), signal.SIGTERM)


class Watcher:
    """Looks for changes in a thread of its own, once."""

    def __init__(
        self,
        extra: Iterable[str] = (),
        on_change: Callable[[str], None] = end_process,
        interval: float = _INTERVAL,
    ) -> None:
        self._extra = tuple(extra)
        self._on_change = on_change
        self._interval = interval
        self._stopped = threading.Event()
        self._known = stamps(source_files(self._extra))

    def start(self) -> None:
        """Start looking. The thread does not keep the process alive."""
        threading.Thread(target=self._watch, name="pywsgi-reloader", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval):
            now = stamps(source_files(self._extra))
            changed = changes(self._known, now)
            if changed:
                self._on_change(changed[0])
                return
            self._known = {**self._known, **now}
