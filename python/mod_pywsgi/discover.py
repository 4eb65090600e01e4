"""Finding the application that is to be served, without running any of it.

Runs as the user that the application will run as (see access), so that what cannot be
read is found out here.
"""

import ast
import importlib.machinery
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import callables
from mod_pywsgi.access import obstacle
from mod_pywsgi.errors import ApplicationError
from mod_pywsgi.types import is_module_name

# What a directory is searched for, in this order.
CANDIDATES = ("manage.py", "wsgi.py", "app.py", "main.py")


@dataclass(frozen=True)
class Request:
    """What the user said about the application.

    :param kind: "script" or "module".
    :param entry: a path or a module's name.
    :param callable_name: None to look for the usual ones.
    :param search_path: directories in which modules are looked for.
    """

    kind: str
    entry: str
    callable_name: str | None
    search_path: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """The application.

    :param kind: "script" or "module".
    :param name: the script's absolute path or the module's dotted name.
    :param file: the source file, empty for a module that has none.
    :param callable_name: where the application is in it.
    :param is_factory: whether that has to be called to get the application.
    :param directory: where it belongs, if it was found by looking into a directory.
    :param remark: what to tell the user about the find; empty if it is what was asked for.
    """

    kind: str
    name: str
    file: str
    callable_name: str
    is_factory: bool = False
    directory: str = ""
    remark: str = ""


def find(request: Request) -> Target:
    """Find the application.

    :raises ApplicationError: saying what was looked for and where.
    """
    if request.kind == "module":
        return _find_module(request)
    path = Path(request.entry).expanduser().absolute()
    module, colon, name = request.entry.partition(":")
    if colon and not os.path.exists(path) and is_module_name(module) and name.isidentifier():
        return _find_module(Request("module", module, name, request.search_path))
    if not os.path.lexists(path) and not obstacle(path.parent):
        raise ApplicationError(f"There is no file or directory {path}.", _hint(request))
    problem = obstacle(path)
    if problem:
        raise ApplicationError(f"Cannot serve {path}: {problem}.", _hint(request))
    if path.is_dir():
        return _search(path, request.callable_name)
    return _script(path, request.callable_name)


def _hint(request: Request) -> str:
    if is_module_name(request.entry) and not request.entry.endswith((".py", ".wsgi")):
        return "If it is the name of a module, add --application-type module."
    return ""


def _script(path: Path, callable_name: str | None, remark: str = "") -> Target:
    chosen = _choose(path, callable_name)
    if not remark and callable_name is None and chosen.name != callables.USUAL_NAMES[0]:
        remark = f"serving {_describe(chosen)} of {path.name}"
    return Target(
        kind="script",
        name=str(path),
        file=str(path),
        callable_name=chosen.name,
        is_factory=chosen.is_factory,
        remark=remark,
    )


def _describe(chosen: callables.Callable) -> str:
    return f"{chosen.name}()" if chosen.is_factory else chosen.name


def _choose(path: Path, callable_name: str | None) -> callables.Callable:
    return callables.choose(callables.read(_source(path), str(path)), callable_name, str(path))


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ApplicationError(f"Cannot read {path}: {error.strerror}.") from None


# Modules


def _find_module(request: Request) -> Target:
    name = request.entry
    if not is_module_name(name):
        raise ApplicationError(
            f"{name!r} is not the name of a module.",
            "With --application-type module give a dotted name such as mysite.wsgi,"
            " and the callable by --callable-object.",
        )
    spec = _module_spec(name, request.search_path)
    origin = spec.origin or ""
    chosen = callables.Callable(request.callable_name or callables.USUAL_NAMES[0])
    if origin.endswith(".py"):
        chosen = _choose(Path(origin), request.callable_name)
    return Target(
        kind="module",
        name=name,
        file=origin if os.path.isfile(origin) else "",
        callable_name=chosen.name,
        is_factory=chosen.is_factory,
    )


def _module_spec(name: str, search_path: tuple[str, ...]) -> importlib.machinery.ModuleSpec:
    """Find a module, without importing its packages."""
    places: list[str] = list(search_path)
    parent, _, _ = name.rpartition(".")
    if parent:
        package = _module_spec(parent, search_path)
        if package.submodule_search_locations is None:
            raise ApplicationError(f"There is no module {name!r}: {parent} is not a package.")
        places = list(package.submodule_search_locations)
    spec = importlib.machinery.PathFinder.find_spec(name, places)
    if spec is None:
        looked = "\n".join(places)
        raise ApplicationError(f"There is no module {name!r}.", f"Looked in:\n{looked}")
    return spec


# Directories


def _search(directory: Path, callable_name: str | None) -> Target:
    """Find the application in a directory by the names that frameworks give their files."""
    looked: list[str] = []
    for candidate in CANDIDATES:
        path = directory / candidate
        if not os.path.isfile(path):
            looked.append(f"{candidate}: there is none")
            continue
        try:
            if candidate == "manage.py":
                return _django(directory, path, callable_name)
            found = _script(path, callable_name)
        except ApplicationError as error:
            looked.append(f"{candidate}: {error.message}")
            continue
        named = f"{found.callable_name}()" if found.is_factory else found.callable_name
        remark = f"found {named} in {path}"
        return _placed(found, directory, remark)
    raise ApplicationError(
        f"No application was found in {directory}.",
        "Looked for:\n  "
        + "\n  ".join(looked)
        + "\nName the file: mod-pywsgi-express start-server FILE [--callable-object NAME]",
    )


def _placed(target: Target, directory: Path, remark: str) -> Target:
    return Target(
        kind=target.kind,
        name=target.name,
        file=target.file,
        callable_name=target.callable_name,
        is_factory=target.is_factory,
        directory=str(directory),
        remark=remark,
    )


# Django


def _django(directory: Path, manage: Path, callable_name: str | None) -> Target:
    """The WSGI file of a Django project, from its manage.py and settings."""
    settings = _settings_module(manage)
    looked: list[Path] = []
    for path, name in _django_candidates(directory, settings):
        if path in looked:
            continue
        looked.append(path)
        if os.path.isfile(path):
            found = _script(path, callable_name or name)
            return _placed(found, directory, f"found a Django project: {path}")
    places = ", ".join(str(path.relative_to(directory)) for path in looked)
    raise ApplicationError(f"it has settings {settings} but no WSGI file (looked for {places}).")


def _django_candidates(directory: Path, settings: str) -> Iterator[tuple[Path, str]]:
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
    tree = _parse(manage)
    for node in ast.walk(tree):
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
    for node in ast.walk(_parse(path)):
        if (
            isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            return node.value.value
    return ""


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(_source(path))
    except (SyntaxError, ValueError) as error:
        raise ApplicationError(f"{path} is not valid Python: {error}.") from None
