"""Where the built parts of mod_pywsgi are, and for which Python they were built."""

import importlib.metadata
import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mod_pywsgi
from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd import probe

DISTRIBUTION = "mod-pywsgi"
MODULE = "mod_pywsgi.so"
DAEMON = "pywsgi-daemon"
EMBED = "pywsgi-embed.so"
VARIABLE = "PYWSGI_LIBEXEC"

_REINSTALL = (
    f"Install it again with this Python:\n"
    f"{sys.executable} -m pip install --force-reinstall --no-deps /path/to/mod_pywsgi"
)


@dataclass(frozen=True)
class Artifacts:
    """The built parts. They lie side by side."""

    directory: Path

    @property
    def module(self) -> Path:
        return self.directory / MODULE

    @property
    def daemon(self) -> Path:
        return self.directory / DAEMON

    @property
    def embed(self) -> Path:
        return self.directory / EMBED


@dataclass(frozen=True)
class PythonFacts:
    """The environment that applications run in: the one that express runs in.

    :param home: what ``python-home=`` is set to.
    :param base: the installation that a virtual environment belongs to, else the same.
    :param program: the program that runs it. :param is_free_threaded: it can do without a GIL.
    :param extra_path: directory that the server must add to find this package; or None.
    """

    home: Path
    base: Path
    version: str
    package: Path
    extra_path: Path | None
    program: Path
    is_free_threaded: bool


def find(env: Mapping[str, str] = os.environ) -> Artifacts:
    """Find the built parts.

    :raises HttpdError: they are not installed.
    """
    looked: list[Path] = []
    for directory in _candidates(env):
        if (directory / MODULE).is_file():
            return Artifacts(directory)
        if directory not in looked:
            looked.append(directory)
    places = "\n".join(map(str, looked))
    raise HttpdError(f"{MODULE} is not installed.", f"Looked in:\n{places}\n{_REINSTALL}")


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get(VARIABLE):
        yield Path(env[VARIABLE]).absolute()
    yield Path(sys.prefix, "libexec", "mod_pywsgi")
    distribution = _distribution()
    if distribution:
        for file in distribution.files or ():
            if file.name == MODULE:
                yield Path(os.path.abspath(str(distribution.locate_file(file)))).parent
    if site.ENABLE_USER_SITE:
        yield Path(site.getuserbase(), "libexec", "mod_pywsgi")


def _distribution() -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def python_facts() -> PythonFacts:
    """Describe the running Python."""
    package = Path(mod_pywsgi.__file__).parent
    return PythonFacts(
        home=Path(sys.prefix),
        base=Path(sys.base_prefix),
        version=f"{sys.version_info[0]}.{sys.version_info[1]}",
        package=package,
        extra_path=_extra_path(package),
        program=Path(os.path.abspath(sys.executable)),
        is_free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    )


def manual(python: PythonFacts) -> Path | None:
    """Where the pages of the documentation are, if they were installed."""
    place = python.package / "manual"
    return place if (place / "docs" / "index.html").is_file() else None


def _extra_path(package: Path) -> Path | None:
    """Where this package is, unless a Python with the same home finds it by itself."""
    installed = package.parent
    distribution = _distribution()
    if distribution:
        installed = Path(os.path.abspath(str(distribution.locate_file(""))))
    own = [Path(directory) for directory in site.getsitepackages()]
    return None if installed in own else installed


def require_same_python(artifacts: Artifacts, python: PythonFacts) -> None:
    """Make sure that the daemon program was built for the running Python.

    :raises HttpdError: it was not, or does not start.
    """
    answer = probe.run(artifacts.daemon, "--version")
    match = re.search(r"Python (\d+\.\d+)", answer.stdout)
    if answer.returncode != 0 or match is None:
        said = answer.stdout.strip() or f"it ended with code {answer.returncode}"
        raise HttpdError(f"{artifacts.daemon} does not start: {said}", _REINSTALL)
    if match[1] != python.version:
        raise HttpdError(
            f"{artifacts.daemon} was built for Python {match[1]}, but {python.home} has"
            f" Python {python.version}.",
            _REINSTALL,
        )
