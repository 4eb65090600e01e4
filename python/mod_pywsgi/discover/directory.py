"""Finding the application in a directory, by the names that frameworks give their files."""

import dataclasses
import os
from collections.abc import Callable as Function
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi.callables import Callable
from mod_pywsgi.discover import django, files, flask, paste
from mod_pywsgi.discover.model import Request, Target
from mod_pywsgi.errors import ApplicationError

_SKIPPED = frozenset({"build", "dist", "docs", "node_modules", "test", "tests", "venv"})

# A target and what to say about it; None where the directory has no such file.
Found = tuple[Target, str] | None


@dataclasses.dataclass(frozen=True)
class _Place:
    """Something to look for.

    :param look: :raises ApplicationError: it is there, but cannot be served.
    """

    name: str
    look: Function[[], Found]


def search(directory: Path, request: Request) -> Target:
    """Find the application.

    :raises ApplicationError: saying what was looked for; not if there is nothing, and that is an answer.
    """
    wanted = Callable(request.callable_name) if request.callable_name else None
    looked: list[str] = []
    is_wrong = False
    for place in _places(directory, request, wanted):
        try:
            found = place.look()
        except ApplicationError as error:
            looked.append(f"{place.name}: {error.message}")
            is_wrong = True
            continue
        if found is not None:
            target, remark = found
            return dataclasses.replace(target, directory=str(directory), remark=remark)
        looked.append(f"{place.name}: there is none")
    if request.may_be_missing and not is_wrong:
        return Target(
            "welcome", str(directory), "", "", directory=str(directory), looked=(*looked,)
        )
    raise ApplicationError(
        f"No application was found in {directory}.",
        "Looked for:\n  "
        + "\n  ".join(looked)
        + "\nName the file: mod-pywsgi-express start-server FILE [--callable-object NAME]",
    )


def _places(directory: Path, request: Request, wanted: Callable | None) -> Iterator[_Place]:
    """In the order in which they count."""
    search_path = request.search_path

    def script(name: str) -> Found:
        path = directory / name
        return _script(path, wanted) if os.path.isfile(path) else None

    def project() -> Found:
        path = directory / "manage.py"
        return django.find(directory, path, wanted) if os.path.isfile(path) else None

    def named() -> Found:
        target = flask.find(directory, value, wanted, search_path)
        return target, f"found {target.shown} in {target.name} by {where}"

    def ini(name: str) -> Found:
        path = directory / name
        if not os.path.isfile(path) or not paste.read(path):
            return None
        return paste.find(path, "main", search_path), f"found a PasteDeploy application: {path}"

    yield _Place("manage.py", project)
    value, where = flask.setting(directory, request.flask_app)
    if value:
        yield _Place(where, named)
    yield _Place("wsgi.py", lambda: script("wsgi.py"))
    for name in paste.CANDIDATES:
        yield _Place(name, lambda name=name: ini(name))  # type: ignore[misc]
    for name in ("app.py", "main.py"):
        yield _Place(name, lambda name=name: script(name))  # type: ignore[misc]
    yield _Place("a package with an application", lambda: _package(directory, wanted))


def _script(path: Path, wanted: Callable | None) -> tuple[Target, str]:
    found, chosen = files.script(path, wanted)
    if chosen.framework:
        return found, f"found a {chosen.framework} application: {found.shown} in {path}"
    return found, f"found {found.shown} in {path}"


def _package(directory: Path, wanted: Callable | None) -> Found:
    """The one package that defines an application, as in ``flask --app PACKAGE``."""
    found: list[Target] = []
    for name in _packages(directory):
        try:
            found.append(files.module(name, wanted, (str(directory),)))
        except ApplicationError:
            continue
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(target.name for target in found)
        raise ApplicationError(f"there are several: {names}.")
    return found[0], f"found {found[0].shown} in the package {found[0].name}"


def _packages(directory: Path) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [
        name
        for name in names
        if name.isidentifier()
        and name not in _SKIPPED
        and os.path.isfile(directory / name / "__init__.py")
    ]
