"""Debug mode: the application with its tools, in one process with one request at a time."""

import atexit
import bdb
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mod_pywsgi.runtime.debug import console, page
from mod_pywsgi.runtime.debug.guard import Guard
from mod_pywsgi.runtime.loaders import Application


def prepare(
    load: Callable[[], Application],
    module: str,
    *,
    debugger: bool,
    debugger_startup: bool,
    coverage: str | None,
    profiler: str | None,
    recorder: str | None,
) -> Application:
    """Load the application, and put the tools around it.

    :param load: may raise what it likes: a request is then answered by a page that shows it.
    :param module: name of the first module that it imports.
    :param coverage: directory for its report; likewise profiler, recorder. None for none.
    :raises ImportError: the package coverage is needed and not there.
    """
    console.attach()
    tools: list[Any] = []
    if coverage is not None:
        from mod_pywsgi.runtime.debug.measure import Coverage

        tools.append(Coverage(coverage))
    if profiler is not None:
        from mod_pywsgi.runtime.debug.profiler import Profiler

        tools.append(Profiler(profiler))
    for tool in tools:
        tool.start()
        atexit.register(_finish, tool)
    guard = Guard(_recorded(load, recorder), tools, has_debugger=debugger)
    try:
        if debugger_startup and console.has_terminal():
            console.start(guard.load, module)
        else:
            guard.load()
    except bdb.BdbQuit:
        console.stop_server()
    except Exception as error:
        print(f"The application could not be loaded:\n{page.as_text(error)}", file=sys.stderr)
        guard.ask(error)
    return guard


def _recorded(load: Callable[[], Application], directory: str | None) -> Callable[[], Application]:
    if directory is None:
        return load
    from mod_pywsgi.runtime.debug.recorder import Recorder

    return lambda: Recorder(load(), directory)


def _finish(tool: Any) -> None:
    """At the end of the process."""
    try:
        written = tool.finish()
    except Exception:
        traceback.print_exc()
        return
    for path in written:
        print(f"written: {path}", flush=True)
