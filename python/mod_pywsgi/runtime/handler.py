"""What the generated handler script calls: makes the application ready to be served."""

import os
import traceback
from collections.abc import Iterator

from mod_pywsgi.runtime import loaders
from mod_pywsgi.runtime.loaders import Application
from mod_pywsgi.runtime.reloader import Watcher


def prepare(
    *,
    script: str | None,
    module: str | None,
    callable_name: str,
    is_factory: bool,
    working_directory: str | None,
    reload_on_changes: bool,
) -> Application:
    """Load the application, from a script or a module.

    :param working_directory: to change to, where the server does not do it.
    :param reload_on_changes: replace this process when an imported file changes, also if
        loading fails: the change may be what mends it.
    :raises: whatever loading it raises.
    """
    if working_directory is not None:
        os.chdir(working_directory)
    try:
        loaded = loaders.load_script(script) if script else loaders.load_module(module or "")
        application = loaders.application_of(loaded, callable_name, is_factory)
    except BaseException as error:
        if reload_on_changes:
            Watcher(extra=_files_of(error, script)).start()
        raise
    if reload_on_changes:
        Watcher(extra=[script] if script else []).start()
    return application


def _files_of(error: BaseException, script: str | None) -> Iterator[str]:
    """The files that had a part in a failure."""
    if script:
        yield script
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename
    for frame in traceback.extract_tb(error.__traceback__):
        if os.path.isabs(frame.filename):
            yield frame.filename
