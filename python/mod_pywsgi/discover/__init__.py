"""Finding the application that is to be served, without running any of it.

Runs as the user that the application will run as (see access), so that what cannot be
read is found out here.
"""

import dataclasses
import os
from pathlib import Path

from mod_pywsgi import callables
from mod_pywsgi.access import obstacle
from mod_pywsgi.callables import Callable
from mod_pywsgi.discover import directory, files, paste
from mod_pywsgi.discover.model import Request, Target
from mod_pywsgi.errors import ApplicationError
from mod_pywsgi.types import is_module_name

__all__ = ["Request", "Target", "find"]


def find(request: Request) -> Target:
    """Find the application.

    :raises ApplicationError: saying what was looked for and where.
    """
    wanted = Callable(request.callable_name) if request.callable_name else None
    if request.kind == "module":
        name, _, given = request.entry.partition(":")
        return files.module(name, files.expression(given) or wanted, request.search_path)
    if request.kind == "paste":
        return _paste(request)
    path = _existing(request.entry, request)
    if path is None:
        name, _, given = request.entry.partition(":")
        return files.module(name, files.expression(given), request.search_path)
    if request.kind == "static":
        return _static(path)
    if path.is_dir():
        return directory.search(path, request)
    found, chosen = files.script(path, wanted)
    if chosen.name != callables.USUAL_NAMES[0] and wanted is None:
        return dataclasses.replace(found, remark=f"serving {found.shown} of {path.name}")
    return found


def _existing(entry: str, request: Request) -> Path | None:
    """The path that was given; None if it can only be ``MODULE:NAME`` or ``MODULE:CALL``.

    :raises ApplicationError: it cannot be read.
    """
    path = Path(entry).expanduser().absolute()
    module, colon, name = entry.partition(":")
    if request.kind == "script" and colon and not os.path.exists(path):
        if is_module_name(module) and files.expression(name):
            return None
    if not os.path.lexists(path) and not obstacle(path.parent):
        raise ApplicationError(f"There is no file or directory {path}.", _hint(request))
    problem = obstacle(path)
    if problem:
        raise ApplicationError(f"Cannot serve {path}: {problem}.", _hint(request))
    return path


def _hint(request: Request) -> str:
    if request.kind != "script":
        return ""
    if is_module_name(request.entry) and not request.entry.endswith((".py", ".wsgi")):
        return "If it is the name of a module, add --application-type module."
    return ""


def _static(path: Path) -> Target:
    if not path.is_dir():
        raise ApplicationError(
            f"{path} is not a directory.",
            "With --application-type static give the directory whose files are to be served.",
        )
    return Target(kind="static", name=str(path), file="", callable_name="", directory=str(path))


def _paste(request: Request) -> Target:
    file, name = paste.split(request.entry)
    path = _existing(file, request)
    assert path is not None  # noqa: S101 - for scripts alone
    if path.is_dir():
        raise ApplicationError(
            f"{path} is a directory.",
            "With --application-type paste give the ini file: FILE.ini or FILE.ini#NAME.",
        )
    return paste.find(path, name, request.search_path)
