"""The Python environment, the daemon program that was built for it, and what is installed in it."""

import importlib.metadata
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import artifacts, names
from mod_pywsgi.doctor.model import Finding, Subject, failure, hint, ok
from mod_pywsgi.httpd import probe

_NUMPY = "one state for all interpreters of a process"
_PYO3 = "made with PyO3: the first interpreter of a process gets it, no other does"
_GILSTATE = "threads call back into the main interpreter, whichever they came from"

# Distributions that work in the main interpreter of a process alone, and why.
_MAIN_INTERPRETER_ONLY: tuple[tuple[str, frozenset[str]], ...] = (
    (
        _NUMPY,
        frozenset(
            "numpy pandas scipy matplotlib scikit-learn h5py pyarrow torch tensorflow jax opencv-python"
            " opencv-python-headless".split()
        ),
    ),
    (
        _PYO3,
        frozenset(
            "cryptography bcrypt pydantic-core orjson rpds-py jiter tokenizers tiktoken safetensors"
            " polars nh3 watchfiles".split()
        ),
    ),
    (_GILSTATE, frozenset("lxml grpcio pygobject pywin32 jpype1 pyside6 pyqt5 pyqt6".split())),
)


def environment(subject: Subject) -> Iterator[Finding]:
    python = subject.python
    kind = "a virtual environment of" if python.home != python.base else "without an environment,"
    yield ok(f"{sys.version.split()[0]}, {python.home}, {kind} {python.base}")
    if os.environ.get("PYTHONHOME"):
        yield failure(
            "PYTHONHOME is set, and makes every Python that is started from here use that one's"
            " library",
            "unset PYTHONHOME",
        )


def daemon(subject: Subject) -> Iterator[Finding]:
    parts, python = subject.compiled_parts, subject.python
    artifacts.require_same_python(parts, python)
    yield ok(f"{parts.daemon} runs, for Python {python.version}")
    yield from _library(parts.daemon)


def _library(program: Path) -> Iterator[Finding]:
    """Whether its libpython is that of this environment: there may be several of one version."""
    ldd = shutil.which("ldd")
    answer = probe.run(ldd, program).stdout if ldd else ""
    found = re.search(r"(libpython\S+) => (not found|\S+)", answer)
    directory = sysconfig.get_config_var("LIBDIR") or ""
    expected = Path(directory, found[1]) if found else Path()
    if found is None or not directory or not os.path.exists(expected):
        return  # linked statically, or nothing to compare with
    if os.path.realpath(found[2]) == os.path.realpath(expected):
        yield ok(f"its library is {found[2]}, that of this environment")
        return
    yield failure(
        f"its library {found[1]} is {found[2]}, and that of this environment is {expected}",
        "Another Python of the same version comes first: unset LD_LIBRARY_PATH, or install"
        f" mod_pywsgi again:\n{sys.executable} -m pip install --force-reinstall --no-deps"
        " /path/to/mod_pywsgi",
    )


def packages(subject: Subject) -> Iterator[Finding]:
    """What does not work in sub-interpreters, which is where --application-group can lead to."""
    option = names.find("application-group")
    group = subject.settings[option] if option else None
    is_main = group in (None, "", "%{GLOBAL}")
    installed = {_normal(name) for name in _installed()}
    hostile = [(why, sorted(members & installed)) for why, members in _MAIN_INTERPRETER_ONLY]
    hostile = [(why, found) for why, found in hostile if found]
    if not hostile:
        yield ok(f"{len(installed)} installed; none is known not to work in sub-interpreters")
        return
    for why, found in hostile:
        if is_main:
            yield ok(
                f"{', '.join(found)} ({why}): only for the main interpreter, where applications run"
                " here (application-group=%{GLOBAL})"
            )
        else:
            yield hint(
                f"{', '.join(found)} ({why}): only for the main interpreter, and"
                f" --application-group is {group}",
                "--application-group '%{GLOBAL}', which is the default",
            )


def _installed() -> Iterator[str]:
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # none in what an interrupted installation leaves behind
            yield name


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
