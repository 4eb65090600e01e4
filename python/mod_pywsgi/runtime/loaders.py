"""Loading an application from a script file, a module, or an ini file of PasteDeploy."""

import configparser
import hashlib
import importlib
import importlib.machinery
import importlib.util
import logging.config
import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

Application = Callable[..., Iterable[bytes]]

SCRIPTS = "_pywsgi_"  # what the names of their modules begin with


def script_name(path: str) -> str:
    """The name of a script's module."""
    return SCRIPTS + hashlib.sha256(path.encode(errors="surrogateescape")).hexdigest()[:16]


def load_script(path: str) -> ModuleType:
    """Run a script file, whatever its ending, as a module of its own.

    :raises: whatever the script raises.
    """
    name = script_name(path)
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


def load_paste(name: str) -> Application:
    """The application that an ini file of PasteDeploy describes, with its logging set up.

    :param name: the file's path, ``#`` and the application's name.
    :raises: whatever loading it raises.
    """
    path, _, application_name = name.partition("#")
    _set_up_logging(path)
    deploy = importlib.import_module("paste.deploy")
    application: Application = deploy.loadapp(f"config:{path}", name=application_name)
    return application


def _set_up_logging(path: str) -> None:
    """As pserve does it."""
    parser = configparser.RawConfigParser(strict=False)
    parser.read(path, encoding="utf-8")
    if parser.has_section("loggers"):
        here = {"__file__": path, "here": os.path.dirname(path)}
        logging.config.fileConfig(path, here, disable_existing_loggers=False)


def callable_of(module: ModuleType, name: str) -> Any:
    """What a module has by a name.

    :param name: with dots, of an attribute of what has that name; what the module has not
        itself may be another module, as "bottle.default_app".
    :raises AttributeError: there is nothing of that name.
    """
    first, *rest = name.split(".")
    where = getattr(module, "__file__", None) or module.__name__
    if rest and not hasattr(module, first) and first in sys.modules:
        found: Any = sys.modules[first]
    else:
        try:
            found = getattr(module, first)
        except AttributeError:
            raise AttributeError(f"{where} has no {first!r}") from None
    for attribute in rest:
        found = getattr(found, attribute)
    return found


def require_callable(application: Any, name: str) -> None:
    """Make sure that it can be called.

    :raises TypeError: it cannot.
    """
    if not callable(application):
        raise TypeError(f"{name!r} cannot be called")
