"""A directory that a daemon process can be locked into: its program, its libraries, its Python."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

from support.machine import Artifacts, output_of

PROGRAM = "/libexec/pywsgi-daemon"
_LEFT_OUT = shutil.ignore_patterns(
    "test",
    "tests",
    "dist-packages",
    "site-packages",
    "idlelib",
    "config-*",
    "ensurepip",
    "pydoc_data",
)


def build(root: Path, artifacts: Artifacts) -> None:
    """Fill `root` with what pywsgi-daemon needs; the program is PROGRAM within it."""
    program = root / PROGRAM.lstrip("/")
    program.parent.mkdir(parents=True)
    shutil.copy(artifacts.folder / "pywsgi-daemon", program)
    for library in re.findall(r"(/\S+) \(0x", output_of(["ldd", str(program)])):
        _copy(root, Path(library))
    stdlib = _stdlib(output_of(["ldd", str(program)]))
    shutil.copytree(stdlib, root / str(stdlib).lstrip("/"), ignore=_LEFT_OUT)


def _stdlib(libraries: str) -> Path:
    """Beside the library of the program's Python, which need not be the tests' own."""
    found = re.search(r"(/\S+)/libpython(3\.\d+t?)\.so", libraries)
    beside = Path(found[1], f"python{found[2]}") if found else Path()
    return beside if (beside / "os.py").exists() else Path(sysconfig.get_path("stdlib"))


def _copy(root: Path, library: Path) -> None:
    place = root / str(library).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(library, place)
