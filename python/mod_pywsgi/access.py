"""Doing things as the user that the application will run as.

Root neither reads nor parses what that user may have written, and finds out what it
can read by being it rather than by working out permission bits.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from mod_pywsgi.errors import ApplicationError, InstanceError
from mod_pywsgi.identity import Identity


def as_user(identity: Identity, task: Callable[[], Any]) -> Any:
    """Run a task as the identity: in a process of its own where root has to become it.

    :param task: returns what JSON can carry; may raise ApplicationError.
    :raises ApplicationError: the task did.
    :raises InstanceError: the identity could not be taken on, or the task crashed.
    """
    if not identity.drops:
        return task()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(identity, task, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or not answer:
        raise InstanceError(f"Could not look at the application as the user {identity.user}.")
    outcome = json.loads(answer)
    if "error" in outcome:
        raise ApplicationError(*outcome["error"])
    return outcome["value"]


def _be_the_child(identity: Identity, task: Callable[[], Any], writer: int) -> NoReturn:
    """Become the identity, run the task, write its outcome and end. Never returns."""
    code = 1
    try:
        os.setgroups(identity.groups)
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
        outcome: dict[str, Any]
        try:
            outcome = {"value": task()}
        except ApplicationError as error:
            outcome = {"error": [error.message, error.hint]}
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(outcome).encode())
        code = 0
    finally:
        os._exit(code)


def obstacle(path: Path) -> str:
    """What keeps the current user from reading a file or entering a directory.

    :return: half a sentence that names the component, or an empty string.
    """
    return obstacle_and_remedy(path)[0]


def obstacle_and_remedy(path: Path) -> tuple[str, str]:
    """The same, and the command by which its owner removes the obstacle, if one does."""
    # What realpath cannot resolve it leaves as it is, and the loop finds out why.
    path = Path(os.path.realpath(path))
    for directory in reversed(path.parents):
        if not os.path.lexists(directory):
            return f"{directory} does not exist", ""
        if not os.access(directory, os.X_OK):
            problem = f"the directory {directory} may not be entered"
            return problem, f"chmod o+x {shlex.quote(str(directory))}"
    if not os.path.exists(path):
        return f"{path} does not exist", ""
    needed, letters = (os.R_OK | os.X_OK, "rx") if path.is_dir() else (os.R_OK, "r")
    if os.access(path, needed):
        return "", ""
    return f"{path} may not be read", f"chmod o+{letters} {shlex.quote(str(path))}"


def require_readable(identity: Identity, paths: Iterable[tuple[str, Path]]) -> None:
    """Make sure that the identity can read everything the server needs.

    :param paths: what each is, for the message, and where.
    :raises ApplicationError: naming the first path that it cannot, and the component at fault.
    """

    def check() -> None:
        for what, path in paths:
            problem = obstacle(path)
            if problem:
                raise ApplicationError(
                    f"The user {identity.user} cannot use {what} {path}: {problem}.",
                    _way_out(identity, problem),
                )

    as_user(identity, check)


def make_directories(identity: Identity, paths: Iterable[tuple[str, Path]]) -> None:
    """Make sure that there are directories to which the identity can write.

    :param paths: the option that names each, and where it is.
    :raises ApplicationError: naming the first that cannot be made or written to.
    """

    def make() -> None:
        for option, path in paths:
            problem = "it may not be written to"
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                problem = f"{error.strerror}"
            if not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
                raise ApplicationError(
                    f"The user {identity.user} cannot use {option} {path}: {problem}.",
                    "Choose another directory, or make it that user's.",
                )

    as_user(identity, make)


def _way_out(identity: Identity, problem: str) -> str:
    if "does not exist" in problem:
        return ""
    others = "Move it to a place that the user can read (home directories are often closed)"
    if not identity.drops:
        return f"{others}, or change its permissions."
    return (
        f"{others},\nopen it (chmod o+x for a directory, o+r for a file),"
        " or choose another user with --user."
    )
