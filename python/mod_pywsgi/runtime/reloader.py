"""Replacing the process when a file that it imported changes.

A thread waits for changes (see notify) and looks which of the files differ from what was loaded.
When one does, it asks for the graceful replacement that SIGUSR1 stands for: the server starts a
successor, which takes over once it has imported the application, and no request is lost. A successor
that does not import leaves this process serving, so the thread goes on looking: then for any change
of the project's Python files, since the mistake may be in one that is not imported here.
"""

import atexit
import importlib.util
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from mod_pywsgi.runtime import notify

Stamp = tuple[int, int, int]  # time of the last change in ns, size, inode

_INSTALLED_INTERVAL = 2.0  # seconds between two looks at installed packages, which rarely change
_JOIN_TIMEOUT = 2.0  # seconds that the end of the process waits for the thread
_MOST_DIRECTORIES = 500  # that are searched for Python files
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
_INSTALLED = tuple(
    f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)

_tracked: set[str] = set()


def track_changes(path: str | os.PathLike[str]) -> None:
    """Have the process replaced when this file changes too: a template, say, or an ini file.

    Does nothing by itself: ``--reload-on-changes`` or :func:`start_reloader` looks.
    """
    _tracked.add(os.path.abspath(os.fspath(path)))


def changes(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> list[str]:
    """Files that differ. One that is missing is not yet a change: editors replace files."""
    return [path for path, stamp in after.items() if before.get(path, stamp) != stamp]


def changed_since(start_ns: int, found: Mapping[str, Stamp]) -> list[str]:
    """Files that were written since then, while they were being imported.

    :param start_ns: time.time_ns() before the import; what lies in the future does not count.
    """
    now = time.time_ns()
    return [path for path, stamp in found.items() if start_ns <= stamp[0] <= now]


def source_files(extra: Iterable[str] = ()) -> set[str]:
    """The files of all imported modules, those that are tracked, and others."""
    files = {*extra, *_tracked}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and os.path.isabs(path):
            files.add(path[:-1] if path.endswith(".pyc") else path)
    return files


def project_files(files: Iterable[str]) -> set[str]:
    """The Python files in the directories of those files that are not installed, and below."""
    top = {os.path.dirname(path) for path in files if not _is_installed(path)}
    return {path for directory in _walk(sorted(top)) for path in _python_files(directory)}


def _is_installed(path: str) -> bool:
    return path.startswith(_INSTALLED) or "/site-packages/" in path or "/dist-packages/" in path


def _walk(pending: list[str]) -> Iterator[str]:
    """Directories and those below, near ones first, without hidden ones and environments."""
    seen: set[str] = set()
    while pending and len(seen) < _MOST_DIRECTORIES:
        directory = pending.pop(0)
        if directory in seen:
            continue
        seen.add(directory)
        yield directory
        try:
            with os.scandir(directory) as entries:
                below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        pending += [
            entry.path
            for entry in below
            if not entry.name.startswith(".")
            and entry.name not in _SKIPPED
            and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
        ]


def _python_files(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return [os.path.join(directory, name) for name in names if name.endswith(".py")]


def stamps(files: Iterable[str]) -> dict[str, Stamp]:
    """When each file was changed last; those that are not there are left out."""
    found: dict[str, Stamp] = {}
    for path in files:
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def replace_process(changed: str) -> None:
    """Say why, and ask for the successor of this process."""
    _forget_bytecode(changed)
    print(
        f"mod_pywsgi: {changed} has changed; process {os.getpid()} is being replaced",
        file=sys.stderr,
        flush=True,
    )
    os.kill(os.getpid(), signal.SIGUSR1)


def _forget_bytecode(path: str) -> None:
    """Python takes it for that of the new file, if both were written within a second."""
    if not path.endswith(".py"):
        return
    try:
        os.unlink(importlib.util.cache_from_source(path))
    except (OSError, NotImplementedError):
        pass


class Watcher:
    """Looks for changes in a thread of its own.

    :param extra: files to look at whatever is imported.
    :param on_change: is given the path; called for each change.
    :param is_wide: look at all of the project's Python files from the start.
    :param since_ns: when the import began; what was written since then is a change.
    """

    def __init__(
        self,
        extra: Iterable[str] = (),
        on_change: Callable[[str], None] = replace_process,
        interval: float | None = None,
        *,
        is_wide: bool = False,
        since_ns: int | None = None,
    ) -> None:
        self._extra = tuple(extra)
        self._on_change = on_change
        self._is_wide = is_wide
        self._since_ns = since_ns
        self._stopped = threading.Event()
        self._interval = interval
        self._thread = threading.Thread(target=self._watch, name="pywsgi-reloader", daemon=True)
        self._installed_at = 0.0  # when to look at installed packages next
        self._looked_ns = time.time_ns()
        self._known = stamps(self._files())

    def start(self) -> None:
        """Start looking. The thread does not keep the process alive."""
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Look no more; waits for the thread, which must not meet the end of the interpreter."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT)

    def _files(self) -> set[str]:
        """All that count."""
        files = source_files(self._extra)
        return files | project_files(files) if self._is_wide else files

    def _own_files(self) -> set[str]:
        """Those of the application itself."""
        return {path for path in self._files() if not _is_installed(path)}

    def _due_files(self) -> set[str]:
        """Those to look at now."""
        now = time.monotonic()
        if now < self._installed_at:
            return self._own_files()
        self._installed_at = now + _INSTALLED_INTERVAL
        return self._files()

    def _watch(self) -> None:
        if self._since_ns is not None:
            self._report(changed_since(self._since_ns, self._known))
        # Here, not while a request may wait for it: watchfiles takes its time to import.
        notifier = notify.choose(self._stopped, self._interval)
        while not self._stopped.is_set():
            notifier.wait(self._own_files())
            began_ns = time.time_ns()
            now = stamps(self._due_files())
            changed = changes(self._known, now)
            if not changed:
                changed = changed_since(self._looked_ns, self._imported_since(now))
            self._looked_ns = began_ns
            if self._is_wide and not changed:
                changed = [path for path in self._imported_since(now) if not _is_installed(path)]
            self._known = {**self._known, **now}
            if not self._stopped.is_set():
                self._report(changed)

    def _imported_since(self, now: Mapping[str, Stamp]) -> dict[str, Stamp]:
        """Files that were imported, or are there, since the last look; they may have changed by then."""
        return {path: stamp for path, stamp in now.items() if path not in self._known}

    def _report(self, changed: list[str]) -> None:
        if not changed:
            return
        if not self._is_wide:
            # Whoever is still there at the next change has no successor yet.
            self._is_wide = True
            self._known = {**stamps(self._files()), **self._known}
        self._on_change(changed[0])


_watcher: Watcher | None = None


def watch(extra: Iterable[str] = (), *, is_wide: bool = False, since_ns: int | None = None) -> None:
    """Have this process replaced when a file changes, from now on; the last call counts."""
    global _watcher
    if _watcher is not None:
        _watcher.stop()
    _watcher = Watcher(extra, is_wide=is_wide, since_ns=since_ns)
    _watcher.start()


def start_reloader(interval: float | None = None) -> None:
    """What ``--reload-on-changes`` does, for a server that express did not start.

    :param interval: seconds between two looks, where the package watchfiles is not installed.

    Only processes of a process group are replaced: elsewhere this says so and does nothing.
    """
    global _watcher
    if _watcher is not None:
        return
    if not _is_replaceable():
        print(
            "mod_pywsgi: only a process of a process group is replaced when a file changes",
            file=sys.stderr,
        )
        return
    _watcher = Watcher(interval=interval)
    _watcher.start()


def _is_replaceable() -> bool:
    server = sys.modules.get("mod_wsgi")
    return bool(getattr(server, "process_group", ""))
