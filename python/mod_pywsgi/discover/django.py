"""Django: from manage.py and the settings to the WSGI file."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import callables
from mod_pywsgi.callables import Callable
from mod_pywsgi.discover import files
from mod_pywsgi.discover.model import Target
from mod_pywsgi.errors import ApplicationError
from mod_pywsgi.types import is_module_name


def find(directory: Path, manage: Path, wanted: Callable | None) -> tuple[Target, str]:
    """The WSGI file of a project, and what to say about it.

    :raises ApplicationError: there is none.
    """
    settings = _settings_module(manage)
    looked: list[Path] = []
    for path, name in _candidates(directory, settings):
        if path in looked:
            continue
        looked.append(path)
        if os.path.isfile(path):
            found, _ = files.script(path, wanted or Callable(name))
            return found, f"found a Django project: {path}"
    places = ", ".join(str(path.relative_to(directory)) for path in looked)
    raise ApplicationError(f"it has settings {settings} but no WSGI file (looked for {places}).")


def _candidates(directory: Path, settings: str) -> Iterator[tuple[Path, str]]:
    package = settings.split(".")[:-1]
    for settings_file in _settings_files(directory, settings):
        named = _assigned_string(settings_file, "WSGI_APPLICATION")
        module, _, name = named.rpartition(".")
        if is_module_name(module) and name.isidentifier():
            yield directory.joinpath(*module.split(".")).with_suffix(".py"), name
    while package:
        yield directory.joinpath(*package, "wsgi.py"), callables.USUAL_NAMES[0]
        package.pop()
    found = sorted(directory.glob("*/wsgi.py"))
    if len(found) == 1:
        yield found[0], callables.USUAL_NAMES[0]
    yield directory / "wsgi.py", callables.USUAL_NAMES[0]


def _settings_files(directory: Path, settings: str) -> Iterator[Path]:
    """The settings module, and its neighbours where settings are split over a package."""
    base = directory.joinpath(*settings.split("."))
    yield base.with_suffix(".py")
    yield base / "__init__.py"
    yield base.parent / "__init__.py"
    yield base.parent / "base.py"
    yield base / "base.py"


def _settings_module(manage: Path) -> str:
    """The settings that manage.py names: ``setdefault("DJANGO_SETTINGS_MODULE", ...)``."""
    for node in ast.walk(callables.parse(files.source(manage), str(manage))):
        words: list[ast.expr] = []
        if isinstance(node, ast.Call):
            words = node.args
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            words = [node.targets[0].slice, node.value]
        texts = [word.value for word in words if isinstance(word, ast.Constant)]
        if len(texts) == 2 and texts[0] == "DJANGO_SETTINGS_MODULE":
            settings = str(texts[1])
            if is_module_name(settings):
                return settings
    raise ApplicationError("it does not set DJANGO_SETTINGS_MODULE to a fixed name.")


def _assigned_string(path: Path, name: str) -> str:
    """The text that a source file assigns to a name, or an empty string."""
    if not os.path.isfile(path):
        return ""
    for node in ast.walk(callables.parse(files.source(path), str(path))):
        if (
            isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            return node.value.value
    return ""
