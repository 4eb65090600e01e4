"""What the tests take from this machine: its Apache, the build's programs, directories, ports."""

from __future__ import annotations

import contextlib
import functools
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = (
    "apache2",
    "httpd",
    "/usr/sbin/apache2",
    "/usr/sbin/httpd",
    "/usr/local/apache2/bin/httpd",
)
MODULE_DIRS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/lib/apache2",
    "/usr/local/apache2/modules",
)
WEB_USERS = ("www-data", "apache", "httpd", "http", "wwwrun", "nobody")
MPMS = ("event", "worker", "prefork")


class HttpdFailed(AssertionError):
    """Apache did not start; the message holds what it said."""


@dataclass(frozen=True)
class Facts:
    """The Apache of this machine."""

    program: str
    version: str
    modules: Path
    built_in: frozenset[str]
    user: str | None
    group: str | None

    def has_module(self, name: str) -> bool:
        return name in self.built_in or (self.modules / f"mod_{name}.so").exists()


def find_apache(program: str | None = None, user: str | None = None) -> Facts:
    """Look Apache up; raise `HttpdFailed` with what is missing."""
    for name in [program] if program else PROGRAMS:
        path = shutil.which(name)
        if path:
            break
    else:
        raise HttpdFailed(f"no Apache program found; looked for {', '.join(PROGRAMS)}")
    said = output_of([path, "-v"])
    version = re.search(r"Apache/(\S+)", said)
    built_in = {
        stem.removeprefix("mod_")
        for stem in re.findall(r"^\s+(\w+)\.c$", output_of([path, "-l"]), re.M)
    }
    for candidate in (_beside(path), *MODULE_DIRS):
        if candidate and any(Path(candidate).glob("mod_*.so")):
            modules = Path(candidate)
            break
    else:
        raise HttpdFailed(f"no module directory found for {path}")
    owner = _web_user(user)
    return Facts(
        program=path,
        version=version[1] if version else "?",
        modules=modules,
        built_in=frozenset(built_in),
        user=owner.pw_name if owner else None,
        group=group_name(owner.pw_gid) if owner else None,
    )


@functools.cache
def may_mount() -> bool:
    """Whether there are mount namespaces for us; the mount vanishes with its process."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def output_of(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _beside(program: str) -> str | None:
    """The module directory of an Apache that was installed under a prefix of its own."""
    folder = Path(program).resolve().parent.parent / "modules"
    return str(folder) if folder.is_dir() else None


def _web_user(wanted: str | None) -> pwd.struct_passwd | None:
    """Whom to run as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in [wanted] if wanted else WEB_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise HttpdFailed("running as root, and no web user such as www-data exists")


def group_name(gid: int) -> str:
    return grp.getgrgid(gid).gr_name


@dataclass(frozen=True)
class Artifacts:
    """What the build made, copied to where every user may read and execute it."""

    folder: Path

    @property
    def module(self) -> Path:
        return self.folder / "mod_pywsgi.so"

    @property
    def daemon(self) -> Path:
        return self.folder / "pywsgi-daemon"

    @property
    def embed(self) -> Path:
        return self.folder / "pywsgi-embed.so"

    def all(self) -> list[Path]:
        return [self.module, self.daemon, self.embed]


def stage_artifacts(source: Path, target: Path) -> Artifacts:
    target.mkdir(mode=0o755)
    target.chmod(0o755)
    for path in Artifacts(source).all():
        if path.exists():
            shutil.copy2(path, target / path.name)
            (target / path.name).chmod(0o755)
    return Artifacts(target)


def make_root(prefix: str = "pywsgi-") -> Path:
    """A directory that the web user can reach: pytest's own ones are closed to it."""
    root = Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("PYWSGI_TEST_TMP", "/tmp")))
    root.chmod(0o755)
    return root


def remove_tree(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)


class Port:
    """A port that nobody else gets: held by a bound socket until the server takes it."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()
