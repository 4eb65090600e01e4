"""The server root and what is in it, or elsewhere if the user wants it so."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import paths as options
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.settings import Settings

# Where everybody may leave files, and what private-tmp hides from an application.
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - compared with

# A Unix socket's address holds 107 bytes; ours is PREFIX.PID.GENERATION/GROUP.PROCESS.sock.
_LONGEST_SOCKETS = 107 - len("/wsgi.4194304.999/99.999.sock")
_LONGEST_ROOT = _LONGEST_SOCKETS - len("/run")
_LONGEST_CONTROL = 99 - len("/run/wsgi.control")  # as WSGIControlSocket takes it


@dataclass(frozen=True)
class Paths:
    """The server root and what is in it.

    :param given_pid_file: elsewhere; likewise given_envvars and given_sockets. None: in the root.
    """

    root: Path
    given_pid_file: Path | None = None
    given_envvars: Path | None = None
    given_sockets: Path | None = None

    @property
    def conf(self) -> Path:
        return self.root / "httpd.conf"

    @property
    def apachectl(self) -> Path:
        return self.root / "apachectl"

    @property
    def envvars(self) -> Path:
        return self.given_envvars or self.root / "envvars"

    @property
    def rewrite(self) -> Path:
        return self.root / "rewrite.conf"

    @property
    def resource(self) -> Path:
        return self.root / "resource.wsgi"

    @property
    def handler(self) -> Path:
        return self.root / "handler.wsgi"

    @property
    def pid_file(self) -> Path:
        return self.given_pid_file or self.root / "httpd.pid"

    @property
    def pid_file_note(self) -> Path:
        """Names the file of the process number where that is elsewhere."""
        return self.root / "pid-file"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def socket_prefix(self) -> Path:
        return (self.given_sockets or self.run) / "wsgi"

    @property
    def control_socket(self) -> Path:
        """Where commands look for it, wherever the other sockets are."""
        return self.run / "wsgi.control"

    @property
    def own_certificate(self) -> Path:
        return self.root / "self-signed.crt"

    @property
    def own_key(self) -> Path:
        return self.root / "self-signed.key"

    @property
    def acme(self) -> Path:
        """Where mod_md keeps accounts, keys and certificates."""
        return self.root / "md"

    @property
    def htdocs(self) -> Path:
        return self.root / "htdocs"

    @property
    def telemetry(self) -> Path:
        """A directory of the application's user, for the socket of --enable-telemetry."""
        return self.root / "telemetry"

    @property
    def telemetry_socket(self) -> Path:
        return self.telemetry / "socket"

    @property
    def python_eggs(self) -> Path:
        return self.root / "python-eggs"


def is_below(path: Path, places: Sequence[Path]) -> bool:
    """Whether the path is one of the places or within it, as it is written."""
    return any(place == path or place in path.parents for place in places)


def default_root(host: str | None, port: int, uid: int, temporary_directory: Path) -> Path:
    """The server root where none was named."""
    return temporary_directory / f"mod_pywsgi-{host or 'localhost'}:{port}:{uid}"


def root_of(settings: Settings, facts: Facts) -> Path:
    """The server root, named or not."""
    machine = facts.machine
    return settings[opt.SERVER_ROOT] or default_root(
        settings[opt.LISTEN_HOST],
        settings[opt.LISTEN_PORT],
        machine.uid,
        machine.temporary_directory,
    )


def decide(settings: Settings, facts: Facts) -> Paths:
    """Decide the server root.

    :raises ConfigError: its path, or that of the sockets, is too long.
    """
    root = root_of(settings, facts)
    sockets = settings[options.SOCKET_PREFIX]
    if sockets:
        _require_short(sockets, _LONGEST_SOCKETS, "directory", options.SOCKET_PREFIX.flag)
        _require_short(root, _LONGEST_CONTROL, "server root", opt.SERVER_ROOT.flag)
    else:
        _require_short(root, _LONGEST_ROOT, "server root", opt.SERVER_ROOT.flag)
    return Paths(
        root,
        given_pid_file=settings[options.PID_FILE],
        given_envvars=settings[options.ENVVARS_SCRIPT],
        given_sockets=sockets,
    )


def _require_short(path: Path, longest: int, what: str, flag: str) -> None:
    length = len(os.fsencode(path))
    if length > longest:
        raise ConfigError(
            f"The path of the {what} is too long: {length} bytes, and the sockets in it"
            f" allow {longest}: {path}.",
            f"Choose another with {flag}.",
        )
