"""Which WSGI callable a source file defines, found by reading it and not by running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mod_pywsgi.errors import ApplicationError

USUAL_NAMES = ("application", "app")
FACTORIES = ("create_app", "make_app")

# What makes a WSGI application, by its full name, and whose it is.
_WSGI = {
    "bottle.Bottle": "Bottle",
    "bottle.app": "Bottle",
    "bottle.default_app": "Bottle",
    "dash.Dash": "Dash",
    "django.core.wsgi.get_wsgi_application": "Django",
    "falcon.API": "Falcon",
    "falcon.App": "Falcon",
    "flask.Flask": "Flask",
}
_WSGI_METHODS = {"make_wsgi_app": "Pyramid"}
_ASGI = frozenset({"falcon.asgi.App", "django.core.asgi.get_asgi_application"})
_ASGI_CLASSES = frozenset({"FastAPI", "Litestar", "Quart", "Starlette"})
_BOTTLE_ROUTES = frozenset(
    f"bottle.{name}" for name in ("route", "get", "post", "put", "delete", "patch", "mount")
)
_SERVERS = frozenset({"bottle.run", "waitress.serve"})
_SERVER_METHODS = frozenset({"run", "run_server"})  # of an application
_DYNAMIC_CALLS = frozenset({"exec", "globals", "setattr", "vars"})


@dataclass
class Names:
    """The names that a source defines at its top level.

    :param defined: with the line each is defined on.
    :param factories: functions of the usual names that can be called without arguments.
    :param asgi: names that are ASGI applications beyond doubt.
    :param frameworks: names that are applications of a framework beyond doubt, and which.
    :param dash_servers: of an application of Dash the name that its WSGI callable has been given.
    :param origins: what each imported name stands for.
    :param is_paste: there is a main(global_config, **settings), as Pyramid has it.
    :param has_routes: functions are routes of Bottle's own application, which has no name.
    :param server_line: where it starts a server when it is imported; 0 where it does not.
    :param is_open: there may be more, from ``import *`` and the like.
    """

    defined: dict[str, int] = field(default_factory=dict)
    factories: list[str] = field(default_factory=list)
    asgi: set[str] = field(default_factory=set)
    frameworks: dict[str, str] = field(default_factory=dict)
    dash_servers: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    is_paste: bool = False
    has_routes: bool = False
    server_line: int = 0
    is_open: bool = False


@dataclass(frozen=True)
class Callable:
    """How to get at the application.

    :param name: with dots where it is an attribute of what has a name.
    :param is_factory: it has to be called first, with these arguments.
    :param framework: whose application it is, empty where that cannot be told.
    """

    name: str
    is_factory: bool = False
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    framework: str = ""

    @property
    def shown(self) -> str:
        """As one would write it."""
        words = [*map(repr, self.arguments), *(f"{k}={v!r}" for k, v in self.keywords.items())]
        return f"{self.name}({', '.join(words)})" if self.is_factory else self.name


def read(source: bytes, what: str) -> Names:
    """Collect the names.

    :param what: the file's name for the message.
    :raises ApplicationError: it is not Python.
    """
    tree = parse(source, what)
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


def parse(source: bytes, what: str) -> ast.Module:
    """The tree of a source.

    :raises ApplicationError: it is not Python.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ApplicationError(f"{what} line {error.lineno}: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ApplicationError(f"{what} is not a Python file: {error}.") from None


def choose(names: Names, wanted: str | None, what: str) -> Callable:
    """Pick the callable.

    :param wanted: the name that the user gave, if any.
    :raises ApplicationError: there is none, or only what cannot be served.
    """
    found = _wanted(names, wanted, what) if wanted is not None else _usual(names, what)
    if found is None:
        candidates = USUAL_NAMES if wanted is None else (wanted,)
        raise ApplicationError(_missing(candidates, what), _suggest(names, wanted))
    if names.server_line:
        raise ApplicationError(
            f"{what} line {names.server_line} starts a server of its own when it is imported.",
            'Put that call below: if __name__ == "__main__":',
        )
    return found


def _wanted(names: Names, name: str, what: str) -> Callable | None:
    _refuse_asgi(names, name, what)
    if name in names.defined or names.is_open:
        return Callable(name, framework=names.frameworks.get(name, ""))
    return None


def _usual(names: Names, what: str) -> Callable | None:
    """By the usual names, then by what the frameworks' own documentation does."""
    for name in USUAL_NAMES:
        _refuse_asgi(names, name, what)
        if name in names.defined:
            return _application(names, name)
    if len(names.frameworks) == 1:
        return _application(names, next(iter(names.frameworks)))
    if len(names.factories) == 1:
        return Callable(names.factories[0], is_factory=True)
    if names.is_paste:
        return Callable("main", is_factory=True, arguments=({},), framework="Pyramid")
    if names.has_routes:
        return Callable("bottle.default_app", is_factory=True, framework="Bottle")
    return Callable(USUAL_NAMES[0]) if names.is_open else None


def _application(names: Names, name: str) -> Callable:
    """Dash's application is not the WSGI callable, but has it."""
    framework = names.frameworks.get(name, "")
    if framework == "Dash":
        name = names.dash_servers.get(name, f"{name}.server")
    return Callable(name, framework=framework)


def _refuse_asgi(names: Names, name: str, what: str) -> None:
    if name in names.asgi:
        raise ApplicationError(
            f"{name!r} in {what} is an ASGI application, which this version cannot serve."
        )


def _missing(candidates: tuple[str, ...], what: str) -> str:
    if len(candidates) == 1:
        return f"{what} defines no {candidates[0]!r}."
    neither = " nor ".join(map(repr, candidates))
    return f"{what} defines neither {neither}."


def _suggest(names: Names, wanted: str | None) -> str:
    likely = [
        name
        for name in names.defined
        if name in USUAL_NAMES or name in names.frameworks or "app" in name.lower()
    ]
    if likely:
        lines = ", ".join(f"{name} (line {names.defined[name]})" for name in likely[:5])
        return f"It defines {lines}; choose with --callable-object NAME."
    if names.defined and wanted is None:
        return "Name the WSGI callable with --callable-object NAME."
    return "A WSGI application is a callable with the parameters environ and start_response."


# Reading


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported, those in if, try and with too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        parts = ("orelse",) if _is_main_guard(statement) else ("body", "orelse", "finalbody")
        for part in parts:
            yield from _top_level(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from _top_level(handler.body)


def _is_main_guard(statement: ast.stmt) -> bool:
    """Whether it is ``if __name__ == "__main__":``."""
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    return any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, ast.Constant) and side.value == "__main__" for side in sides
    )


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
    elif isinstance(statement, ast.Expr) and _starts_server(statement.value, names):
        names.server_line = names.server_line or statement.lineno


def _note_target(target: ast.expr, value: ast.expr, names: Names) -> None:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.defined[node.id] = node.lineno
            names.asgi.discard(node.id)
            framework = _framework(value, names)
            if framework:
                names.frameworks[node.id] = framework
            else:
                names.frameworks.pop(node.id, None)
            if _is_asgi(value, names):
                names.asgi.add(node.id)
            if isinstance(value, ast.Attribute) and value.attr == "server":
                names.dash_servers[_full_name(value.value, names)] = node.id


def _framework(value: ast.expr, names: Names) -> str:
    """Whose application an expression is, as far as its words tell."""
    if isinstance(value, ast.Call):
        if isinstance(value.func, ast.Attribute) and value.func.attr in _WSGI_METHODS:
            return _WSGI_METHODS[value.func.attr]
        return _WSGI.get(_full_name(value.func, names), "")
    return ""


def _is_asgi(value: ast.expr, names: Names) -> bool:
    if not isinstance(value, ast.Call):
        return False
    name = _full_name(value.func, names)
    return name in _ASGI or name.rpartition(".")[2] in _ASGI_CLASSES


def _full_name(node: ast.expr, names: Names) -> str:
    """The dotted name of an expression, with what was imported spelled out; or nothing."""
    if isinstance(node, ast.Name):
        return names.origins.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _full_name(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _starts_server(value: ast.expr, names: Names) -> bool:
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    if isinstance(function, ast.Attribute):
        if function.attr == "serve_forever":
            return True
        if isinstance(function.value, ast.Name) and function.value.id in names.frameworks:
            return function.attr in _SERVER_METHODS
    return _full_name(function, names) in _SERVERS


def _note_import(statement: ast.Import | ast.ImportFrom, names: Names) -> None:
    for alias in statement.names:
        if alias.name == "*":
            names.is_open = True
            continue
        name = alias.asname or alias.name.partition(".")[0]
        names.defined[name] = statement.lineno
        if isinstance(statement, ast.ImportFrom):
            names.origins[name] = f"{statement.module or ''}.{alias.name}"
        else:
            names.origins[name] = alias.name if alias.asname else name


def _note_definition(
    statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, names: Names
) -> None:
    names.defined[statement.name] = statement.lineno
    names.frameworks.pop(statement.name, None)
    if isinstance(statement, ast.AsyncFunctionDef):
        names.asgi.add(statement.name)
    elif isinstance(statement, ast.FunctionDef):
        if statement.name == "__getattr__":
            names.is_open = True
        if statement.name in FACTORIES and _needs_no_arguments(statement.args):
            names.factories.append(statement.name)
        if statement.name == "main" and _is_paste_factory(statement.args):
            names.is_paste = True
        if any(_is_bottle_route(decorator, names) for decorator in statement.decorator_list):
            names.has_routes = True


def _is_bottle_route(decorator: ast.expr, names: Names) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _full_name(call, names) in _BOTTLE_ROUTES


def _is_paste_factory(arguments: ast.arguments) -> bool:
    """Whether it is f(global_config, **settings)."""
    positional = [*arguments.posonlyargs, *arguments.args]
    return len(positional) == 1 and "conf" in positional[0].arg and arguments.kwarg is not None


def _needs_no_arguments(arguments: ast.arguments) -> bool:
    positional = [*arguments.posonlyargs, *arguments.args]
    return len(positional) == len(arguments.defaults) and all(
        default is not None for default in arguments.kw_defaults
    )
