"""What the generated handler script calls: makes the application ready to be served."""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mod_pywsgi.runtime import loaders, reloader
from mod_pywsgi.runtime.loaders import Application


def prepare(
    *,
    kind: str,
    name: str,
    callable_name: str = "application",
    is_factory: bool = False,
    arguments: Sequence[Any] = (),
    keywords: Mapping[str, Any] | None = None,
    working_directory: str | None = None,
    reload_on_changes: bool = False,
    debug: Mapping[str, Any] | None = None,
) -> Application:
    """Load the application.

    :param kind: "script", "module" or "paste"; :param name: which.
    :param callable_name: where the application is in it, not for "paste".
    :param is_factory: what is there has to be called, with the arguments and keywords.
    :param working_directory: to change to, where the server does not do it.
    :param reload_on_changes: replace this process when an imported file changes, also if
        loading fails: the change may be what mends it.
    :param debug: in debug mode, the tools: see `debug.prepare`.
    :raises: whatever loading it raises.
    """
    if working_directory is not None:
        os.chdir(working_directory)
    files = [] if kind == "module" else [name.partition("#")[0] if kind == "paste" else name]

    def load() -> Application:
        if kind == "paste":
            return loaders.load_paste(name)
        load_module = loaders.load_script if kind == "script" else loaders.load_module
        found = loaders.callable_of(load_module(name), callable_name)
        application: Application = found(*arguments, **(keywords or {})) if is_factory else found
        loaders.require_callable(application, callable_name)
        return application

    if debug is not None:
        from mod_pywsgi.runtime import debug as tools

        first = {"script": loaders.script_name(name), "module": name}.get(kind, "")
        return tools.prepare(load, first, **debug)
    since_ns = time.time_ns()
    try:
        application = load()
    except BaseException as error:
        if reload_on_changes:
            reloader.watch(_files_of(error, files), is_wide=True, since_ns=since_ns)
        raise
    if reload_on_changes:
        reloader.watch(files, since_ns=since_ns)
    return application


def touched(path: str) -> Callable[[str], bool]:
    """A function for the server to ask whether a file has changed since now."""
    before = _stamp(path)

    def reload_required(_resource: str) -> bool:
        now = _stamp(path)
        return now is not None and now != before

    return reload_required


def _stamp(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _files_of(error: BaseException, files: Sequence[str]) -> Iterator[str]:
    """The files that had a part in a failure."""
    yield from files
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.isabs(frame.filename):
            yield frame.filename
