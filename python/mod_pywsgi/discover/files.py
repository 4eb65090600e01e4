"""Scripts and modules: where they are, and what can be served of them."""

import ast
import importlib.machinery
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mod_pywsgi import callables
from mod_pywsgi.callables import Callable
from mod_pywsgi.discover.model import Target
from mod_pywsgi.errors import ApplicationError
from mod_pywsgi.types import is_module_name

_JSON = (str, int, float, bool, type(None))


def script(path: Path, wanted: Callable | None) -> tuple[Target, Callable]:
    """What a script file holds.

    :param wanted: what the user or another file says that the callable is.
    :raises ApplicationError: nothing that can be served.
    """
    chosen = choose(path, wanted)
    return target("script", str(path), str(path), chosen), chosen


def module(name: str, wanted: Callable | None, search_path: tuple[str, ...]) -> Target:
    """What a module holds; its packages are not imported.

    :raises ApplicationError: there is no such module, or nothing that can be served.
    """
    if not is_module_name(name):
        raise ApplicationError(
            f"{name!r} is not the name of a module.",
            "With --application-type module give a dotted name such as mysite.wsgi,"
            " and the callable by --callable-object.",
        )
    origin = spec(name, search_path).origin or ""
    chosen = wanted or Callable(callables.USUAL_NAMES[0])
    if origin.endswith(".py"):
        chosen = choose(Path(origin), wanted)
    return target("module", name, origin if os.path.isfile(origin) else "", chosen)


def spec(name: str, search_path: tuple[str, ...]) -> importlib.machinery.ModuleSpec:
    """Find a module, without importing its packages.

    :raises ApplicationError: there is none of that name.
    """
    places: list[str] = list(search_path)
    parent, _, _ = name.rpartition(".")
    if parent:
        package = spec(parent, search_path)
        if package.submodule_search_locations is None:
            raise ApplicationError(f"There is no module {name!r}: {parent} is not a package.")
        places = list(package.submodule_search_locations)
    found = importlib.machinery.PathFinder.find_spec(name, places)
    if found is None:
        looked = "\n".join(places)
        raise ApplicationError(f"There is no module {name!r}.", f"Looked in:\n{looked}")
    return found


def target(kind: str, name: str, file: str, chosen: Callable) -> Target:
    """The target of a callable."""
    return Target(
        kind=kind,
        name=name,
        file=file,
        callable_name=chosen.name,
        is_factory=chosen.is_factory,
        arguments=chosen.arguments,
        keywords=chosen.keywords,
    )


def choose(path: Path, wanted: Callable | None) -> Callable:
    """The callable of a source file; one that is wanted has to be there.

    :raises ApplicationError: it is not, or there is none.
    """
    names = callables.read(source(path), str(path))
    chosen = callables.choose(names, wanted.name if wanted else None, str(path))
    return wanted if wanted and wanted.is_factory else chosen


def source(path: Path) -> bytes:
    """The bytes of a file.

    :raises ApplicationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ApplicationError(f"Cannot read {path}: {error.strerror}.") from None


def expression(text: str) -> Callable | None:
    """A name, or a call with plain values: ``app``, ``create_app("test", debug=True)``.

    :return: None if it is neither.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if isinstance(node, ast.Name):
        return Callable(node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    try:
        arguments = tuple(_literals(node.args))
        values = list(_literals([keyword.value for keyword in node.keywords]))
    except ValueError:
        return None
    names = [keyword.arg for keyword in node.keywords]
    if None in names:
        return None
    keywords = {name: value for name, value in zip(names, values, strict=True) if name}
    return Callable(node.func.id, True, arguments, keywords)


def _literals(nodes: list[ast.expr]) -> Iterator[Any]:
    """Values that the handler script can be told.

    :raises ValueError: there is another.
    """
    for node in nodes:
        value = ast.literal_eval(node)
        if not isinstance(value, _JSON):
            raise ValueError("not a plain value")
        yield value
