"""Finding Apache httpd and what belongs to it."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd import probe

OLDEST = (2, 4, 41)

_PROGRAMS = ("apache2", "httpd", "httpd2")
_PROGRAM_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/apache2/bin", "/usr/bin")
_MODULE_DIRECTORIES = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/lib/apache2",
    "/usr/lib64/apache2",
    "/usr/libexec/apache2",
    "/usr/local/apache2/modules",
)
_MIME_TYPES = (
    "/etc/mime.types",
    "/etc/apache2/mime.types",
    "/etc/httpd/conf/mime.types",
    "/usr/local/apache2/conf/mime.types",
)
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_INSTALL = """\
Install it: Debian and Ubuntu: apt-get install apache2-bin
            Fedora and RHEL:   dnf install httpd-core
            Alpine:            apk add apache2
Or set the environment variable HTTPD to the program."""


@dataclass(frozen=True)
class HttpdFacts:
    """The installed server."""

    program: Path
    version: tuple[int, int, int]
    modules_directory: Path
    built_in: frozenset[str]  # names without "mod_": "so", "unixd", ...
    available: frozenset[str]  # the same for those that can be loaded
    mime_types: Path | None
    rotatelogs: Path | None
    certificates: Path | None = None  # of the authorities that this system trusts

    @property
    def mpms(self) -> tuple[str, ...]:
        """Processing modules that can be used, "event" and so on; never empty."""
        known = ("event", "worker", "prefork")
        fixed = tuple(name for name in known if name in self.built_in)
        return fixed or tuple(name for name in known if f"mpm_{name}" in self.available)


def find(
    env: Mapping[str, str] = os.environ,
    program: Path | None = None,
    modules_directory: Path | None = None,
) -> HttpdFacts:
    """Look the server over.

    :param program: if the user named it; likewise modules_directory.
    :raises HttpdError: there is none, or it is too old or cannot be understood.
    """
    program = _require_program(program) if program else find_program(env)
    # No configuration: the distribution's need not be usable.
    answer = probe.run(program, "-f", os.devnull, "-V").stdout
    version = _version(program, answer)
    built_in = _built_in(probe.run(program, "-l").stdout)
    if modules_directory is None:
        modules_directory = _find_modules_directory(env, program, answer)
    elif not (modules_directory / "mod_authz_core.so").is_file():
        raise HttpdError(f"--modules-directory {modules_directory} holds no modules of Apache.")
    facts = HttpdFacts(
        program=program,
        version=version,
        modules_directory=modules_directory,
        built_in=built_in,
        available=_available(modules_directory),
        mime_types=_first_file(_MIME_TYPES),
        certificates=_first_file(_CERTIFICATES),
        rotatelogs=_find_rotatelogs(env, program),
    )
    if not facts.mpms:
        raise HttpdError(
            f"{program} has no processing module: neither mod_mpm_event.so nor another"
            f" is in {modules_directory}."
        )
    return facts


def find_apxs(env: Mapping[str, str] = os.environ) -> Path | None:
    """Apache's build tool, if it is installed."""
    for name in filter(None, (env.get("APXS"), "apxs", "apxs2", "/usr/sbin/apxs")):
        path = shutil.which(name, path=env.get("PATH"))
        if path:
            return Path(path)
    return None


def query_apxs(apxs: Path, name: str) -> str:
    """One of the values that apxs knows, such as LIBEXECDIR; empty if it does not."""
    answer = probe.run(apxs, "-q", name)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _require_program(program: Path) -> Path:
    if shutil.which(program) is None:
        raise HttpdError(f"--httpd-executable {program} is not a program.")
    return program


def _find_rotatelogs(env: Mapping[str, str], program: Path) -> Path | None:
    """Beside the server's program, where distributions put it, or on the path."""
    directories = (str(program.parent), *_PROGRAM_DIRECTORIES, env.get("PATH", ""))
    found = shutil.which("rotatelogs", path=os.pathsep.join(directories))
    return Path(found) if found else None


def find_program(env: Mapping[str, str] = os.environ) -> Path:
    """The server's program.

    :raises HttpdError: there is none.
    """
    asked_for = env.get("HTTPD")
    if asked_for:
        path = shutil.which(asked_for, path=env.get("PATH"))
        if path is None:
            raise HttpdError(f"HTTPD is set to {asked_for!r}, which is not a program.")
        return Path(path)
    directories = os.pathsep.join((env.get("PATH", ""), *_PROGRAM_DIRECTORIES))
    for name in _PROGRAMS:
        path = shutil.which(name, path=directories)
        if path:
            return Path(path)
    apxs = find_apxs(env)
    if apxs:
        program = Path(query_apxs(apxs, "SBINDIR"), query_apxs(apxs, "PROGNAME"))
        if program.is_file():
            return program
    raise HttpdError("Apache httpd is not installed.", _INSTALL)


def _first_file(paths: Iterable[str]) -> Path | None:
    return next((Path(path) for path in paths if os.path.isfile(path)), None)


def _version(program: Path, answer: str) -> tuple[int, int, int]:
    match = re.search(r"Apache/(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        first = answer.strip().splitlines()[:1]
        said = f"said {first[0]!r}" if first else "said nothing"
        raise HttpdError(f"{program} is not Apache httpd: asked for its version it {said}.")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise HttpdError(f"{program} is {match[0]}; {oldest} or newer is needed.")
    return version


def _built_in(answer: str) -> frozenset[str]:
    names = re.findall(r"^\s+(\w+)\.c$", answer, re.MULTILINE)
    return frozenset(name.removeprefix("mod_") for name in names)


def _find_modules_directory(env: Mapping[str, str], program: Path, answer: str) -> Path:
    candidates = [Path(path) for path in _MODULE_DIRECTORIES]
    root = re.search(r'HTTPD_ROOT="([^"]+)"', answer)
    if root:
        candidates.insert(0, Path(root[1], "modules"))
    candidates.insert(0, program.parent.parent / "modules")
    for directory in candidates:
        if (directory / "mod_authz_core.so").is_file():
            return directory
    apxs = find_apxs(env)
    if apxs:
        directory = Path(query_apxs(apxs, "LIBEXECDIR"))
        if (directory / "mod_authz_core.so").is_file():
            return directory
    looked = ", ".join(map(str, candidates))
    raise HttpdError(f"The modules of {program} were not found; looked in {looked}.", _INSTALL)


def _available(directory: Path) -> frozenset[str]:
    files = directory.glob("mod_*.so")
    return frozenset(file.stem.removeprefix("mod_") for file in files)
