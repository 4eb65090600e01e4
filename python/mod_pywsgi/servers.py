"""Which server a command is about: one of express, by its server root, or Apache's own.

A server of express is found by the options that it was started with. Without any, it is the one
that this user runs, if there is one alone; else the Apache of the system.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import instance, plan
from mod_pywsgi import options as opt
from mod_pywsgi.control import Control, ControlError
from mod_pywsgi.plan import Paths
from mod_pywsgi.settings import Settings

# Where packages of Apache have their runtime directory: Debian and Ubuntu; Fedora, RHEL; Alpine.
SYSTEM_SOCKETS = (
    Path("/var/run/apache2/wsgi.control"),
    Path("/run/httpd/wsgi.control"),
    Path("/run/apache2/wsgi.control"),
)
_LOOK_EVERY = 0.05  # seconds


@dataclass(frozen=True)
class Found:
    """A server of express that runs.

    :param pid: Apache's first process.
    """

    paths: Paths
    pid: int


def control(settings: Settings, path: str | None) -> Control:
    """The control socket of the server that is meant.

    :param path: the socket, if the user named it.
    :raises ControlError: there is no such server, or several.
    """
    if path is not None:
        return Control(path)
    if not _is_named(settings) and not _running_roots():
        return Control(_system_socket())
    found = express(settings)
    if not found.paths.control_socket.exists():
        raise ControlError(
            f"The server of {found.paths.root} has no control socket.",
            "It has none in embedded and debug mode, where there are no processes to control.",
        )
    return Control(found.paths.control_socket)


def express(settings: Settings) -> Found:
    """The server of express that is meant.

    :raises ControlError: it does not run; or none is named, and none runs, or several do.
    """
    if _is_named(settings):
        root = settings[opt.SERVER_ROOT] or plan.default_root(
            settings[opt.LISTEN_HOST],
            settings[opt.LISTEN_PORT],
            os.geteuid(),
            instance.temporary_directory(),
        )
        paths = Paths(root)
        # Anybody may make a directory in the default place before this user does.
        is_trusted = settings.is_given(opt.SERVER_ROOT) or instance.is_ours(root)
        pid = instance.running(paths) if is_trusted else None
        if pid is None:
            raise ControlError(
                f"No server runs from {root}.",
                "Name the server by the options that it was started with: --server-root, or"
                " --host and --port.",
            )
        return Found(paths, pid)
    running = _running_roots()
    if not running:
        raise ControlError(
            f"No server of this user runs from below {instance.temporary_directory()}.",
            "Name it by the --server-root or the --port that it was started with.",
        )
    if len(running) > 1:
        listed = "\n".join(f"--server-root {found.paths.root}" for found in running)
        raise ControlError("Several servers of this user run. Name one of them:", listed)
    return running[0]


def _is_named(settings: Settings) -> bool:
    return (
        settings.is_given(opt.SERVER_ROOT)
        or settings.is_given(opt.LISTEN_HOST)
        or settings.is_given(opt.LISTEN_PORT)
    )


def _running_roots() -> list[Found]:
    """The servers of this user in the default place."""
    found = []
    for root in sorted(instance.temporary_directory().glob(f"mod_pywsgi-*:{os.geteuid()}")):
        paths = Paths(root)
        pid = instance.running(paths) if instance.is_ours(root) else None
        if pid is not None:
            found.append(Found(paths, pid))
    return found


def _system_socket(places: Sequence[Path] | None = None) -> Path:
    tried = SYSTEM_SOCKETS if places is None else places
    for place in tried:
        if os.path.lexists(place):
            return place
    listed = "\n".join(map(str, tried))
    raise ControlError(
        "No server was found: none of express runs as this user, and none of the system's sockets"
        " exists.",
        f"Looked for:\n{listed}\nIs Apache running, with mod_pywsgi and a WSGIDaemonProcess?"
        " Name another place with --socket.\nA server of express in a place of its own:"
        " --server-root DIRECTORY. That of another user: as that user.",
    )


def stop(found: Found, patience: float, last_patience: float = 60.0) -> bool:
    """Stop a server: it takes no more requests and finishes those it has, as long as they take
    at most ``patience`` seconds; then they are cut.

    :return: False: it was still there ``last_patience`` seconds later.
    """
    gracefully = patience > 0 and not instance.is_single_process(found.pid)
    if gracefully:
        _send(found, signal.SIGWINCH)
        if _has_ended(found, patience):
            return True
    _send(found, signal.SIGTERM)
    return _has_ended(found, last_patience)


def _send(found: Found, number: signal.Signals) -> None:
    try:
        os.kill(found.pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise ControlError(
            f"You may not stop the server of {found.paths.root}, process {found.pid}.",
            "Run this with sudo.",
        ) from None


def _has_ended(found: Found, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while instance.is_server(found.paths, found.pid):  # its pid file goes earlier
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY)
    return True
