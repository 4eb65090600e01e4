"""Loading an application from a script file or a module."""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

Application = Callable[..., Iterable[bytes]]


def load_script(path: str) -> ModuleType:
    """Run a script file, whatever its ending, as a module of its own.

    :raises: whatever the script raises.
    """
    name = "_pywsgi_" + hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:16]
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.machinery.ModuleSpec(name, loader, origin=path)
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load_module(name: str) -> ModuleType:
    """Import a module by its dotted name.

    :raises: whatever the import raises.
    """
    return importlib.import_module(name)


def application_of(module: ModuleType, callable_name: str, is_factory: bool) -> Application:
    """The WSGI callable of a module.

    :raises AttributeError: there is nothing of that name.
    :raises TypeError: it cannot be called.
    """
    where = getattr(module, "__file__", None) or module.__name__
    try:
        found: Any = getattr(module, callable_name)
    except AttributeError:
        raise AttributeError(f"{where} has no {callable_name!r}") from None
    if is_factory:
        found = found()
    if not callable(found):
        raise TypeError(f"{callable_name!r} in {where} cannot be called")
    application: Application = found
    return application
