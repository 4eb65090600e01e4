"""Which WSGI callable a source file defines, found by reading it and not by running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from mod_pywsgi.errors import ApplicationError

USUAL_NAMES = ("application", "app")
FACTORIES = ("create_app", "make_app")

_ASGI_CLASSES = frozenset({"FastAPI", "Litestar", "Quart", "Starlette"})
_DYNAMIC_CALLS = frozenset({"exec", "globals", "setattr", "vars"})


@dataclass
class Names:
    """The names that a source defines at its top level.

    :param defined: with the line each is defined on.
    :param factories: functions of the usual names that can be called without arguments.
    :param asgi: names that are ASGI applications beyond doubt.
    :param is_open: there may be more, from ``import *`` and the like.
    """

    defined: dict[str, int] = field(default_factory=dict)
    factories: list[str] = field(default_factory=list)
    asgi: set[str] = field(default_factory=set)
    is_open: bool = False


@dataclass(frozen=True)
class Callable:
    """How to get at the application: the name, and whether that has to be called first."""

    name: str
    is_factory: bool = False


def read(source: bytes, what: str) -> Names:
    """Collect the names.

    :param what: the file's name for the message.
    :raises ApplicationError: it is not Python.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ApplicationError(f"{what} line {error.lineno}: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ApplicationError(f"{what} is not a Python file: {error}.") from None
    names = Names()
    for statement in _top_level(tree.body):
        _note(statement, names)
    names.is_open = names.is_open or any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _DYNAMIC_CALLS
        for node in ast.walk(tree)
    )
    return names


def choose(names: Names, wanted: str | None, what: str) -> Callable:
    """Pick the callable.

    :param wanted: the name that the user gave, if any.
    :raises ApplicationError: there is none, or only what cannot be served.
    """
    if wanted is not None:
        candidates: tuple[str, ...] = (wanted,)
    else:
        candidates = USUAL_NAMES
    for name in candidates:
        if name in names.asgi:
            raise ApplicationError(
                f"{name!r} in {what} is an ASGI application, which this version cannot serve."
            )
        if name in names.defined:
            return Callable(name)
    if wanted is None and len(names.factories) == 1:
        return Callable(names.factories[0], is_factory=True)
    if names.is_open:
        return Callable(candidates[0])
    raise ApplicationError(_missing(candidates, what), _suggest(names, wanted))


def _missing(candidates: tuple[str, ...], what: str) -> str:
    if len(candidates) == 1:
        return f"{what} defines no {candidates[0]!r}."
    neither = " nor ".join(map(repr, candidates))
    return f"{what} defines neither {neither}."


def _suggest(names: Names, wanted: str | None) -> str:
    likely = [name for name in names.defined if name in USUAL_NAMES or "app" in name.lower()]
    if likely:
        lines = ", ".join(f"{name} (line {names.defined[name]})" for name in likely[:5])
        return f"It defines {lines}; choose with --callable-object NAME."
    if names.defined and wanted is None:
        return "Name the WSGI callable with --callable-object NAME."
    return "A WSGI application is a callable with the parameters environ and start_response."


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run in the module's own scope, those in if, try and with too."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _top_level(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from _top_level(handler.body)


def _note(statement: ast.stmt, names: Names) -> None:
    """Enter what one statement defines."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            _note_target(target, statement.value, names)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        _note_target(statement.target, statement.value, names)
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        _note_import(statement, names)
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        _note_definition(statement, names)


def _note_target(target: ast.expr, value: ast.expr, names: Names) -> None:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.defined[node.id] = node.lineno
            names.asgi.discard(node.id)
            if _is_asgi_class(value):
                names.asgi.add(node.id)


def _is_asgi_class(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _ASGI_CLASSES


def _note_import(statement: ast.Import | ast.ImportFrom, names: Names) -> None:
    for alias in statement.names:
        if alias.name == "*":
            names.is_open = True
        else:
            name = alias.asname or alias.name.partition(".")[0]
            names.defined[name] = statement.lineno


def _note_definition(
    statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, names: Names
) -> None:
    names.defined[statement.name] = statement.lineno
    if isinstance(statement, ast.AsyncFunctionDef):
        names.asgi.add(statement.name)
    elif isinstance(statement, ast.FunctionDef):
        if statement.name == "__getattr__":
            names.is_open = True
        if statement.name in FACTORIES and _needs_no_arguments(statement.args):
            names.factories.append(statement.name)


def _needs_no_arguments(arguments: ast.arguments) -> bool:
    positional = [*arguments.posonlyargs, *arguments.args]
    return len(positional) == len(arguments.defaults) and all(
        default is not None for default in arguments.kw_defaults
    )
