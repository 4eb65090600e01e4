"""The Pythons of this machine that mod_pywsgi could be built for, and where the web user can read them.

Versions that a developer installed (pyenv's, say) often lie in a home directory, which the web user
cannot enter. Such a one is copied, and runs from its new place.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 10)
# What a web application never imports, and what takes most of the room.
NOT_COPIED = shutil.ignore_patterns(
    "test", "tests", "idlelib", "__pycache__", "site-packages", "share"
)

_FACTS = """
import ensurepip, json, os, sys, sysconfig, venv
print(json.dumps({
    "program": os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2]),
    "base": sys.base_prefix,
    "version": list(sys.version_info[:3]),
    "name": sys.version,
    "has_header": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""


@dataclass(frozen=True)
class Python:
    """One installation; never a virtual environment."""

    program: Path
    base: Path
    version: tuple[int, int, int]
    name: str

    @property
    def minor(self) -> str:
        """The X.Y that modules are compiled for."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.base} {self.name}".encode()).hexdigest()[:12]


def inspect(program: str | Path) -> Python | str:
    """The installation beneath `program`, or why it cannot serve: a sentence."""
    if not shutil.which(str(program)):
        return f"{program} is not there"
    done = subprocess.run(
        [str(program), "-I", "-c", _FACTS], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        return f"{program} cannot make virtual environments: {last[0]}"
    facts = json.loads(done.stdout)
    version = tuple(facts["version"])
    if version < OLDEST:
        return f"{program} is Python {version[0]}.{version[1]}, which is too old"
    if not facts["has_header"]:
        return f"{program} has no Python.h"
    return Python(Path(facts["program"]), Path(facts["base"]), version, facts["name"])


def first() -> Python:
    """The one that the tests run under."""
    found = inspect(sys.executable)
    assert isinstance(found, Python), found
    return found


def second(other_than: str) -> Python | str:
    """Another version than X.Y, or why there is none. $PYWSGI_SECOND_PYTHON has the first and only word."""
    reasons = []
    for program in _candidates():
        found = inspect(program)
        if isinstance(found, Python) and found.minor != other_than:
            return found
        reasons.append(found if isinstance(found, str) else f"{program} is {found.minor} as well")
    return "; ".join(reasons) or "there is only one on this machine"


def _candidates() -> Iterator[str]:
    """Programs worth a look, the newest version first."""
    if named := os.environ.get("PYWSGI_SECOND_PYTHON"):
        yield named
        return
    places = [
        os.path.join(
            os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions/*/bin"
        ),
        "/usr/local/bin",
        "/usr/bin",
        "/opt/python/*/bin",
    ]
    found = [path for place in places for path in glob.glob(f"{place}/python3.*")]
    exact = [path for path in found if re.fullmatch(r"python3\.\d+", os.path.basename(path))]
    yield from sorted(exact, key=_minor_in_name, reverse=True)


def _minor_in_name(path: str) -> tuple[bool, int]:
    """Tried versions come before untried ones."""
    minor = int(path.rpartition(".")[2])
    return minor <= 14, minor


def is_reachable(path: Path) -> bool:
    """Whether every user may enter this directory."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def reachable(python: Python, cache: Path) -> Python:
    """`python` itself if the web user can read it, else a copy below `cache`."""
    if os.geteuid() != 0 or is_reachable(python.base):
        return python
    target = cache / f"python-{python.minor}-{python.key}"
    if not target.exists():
        print(f"copying Python {python.minor} from {python.base}, which the web user cannot read")
        cache.mkdir(parents=True, exist_ok=True)
        # A place of its own: another run, or one that was killed, may have begun the same.
        unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=cache))
        shutil.copytree(
            python.base, unfinished, symlinks=True, ignore=NOT_COPIED, dirs_exist_ok=True
        )
        (unfinished / "lib" / f"python{python.minor}" / "site-packages").mkdir(exist_ok=True)
        _find_library_beside(unfinished / "bin" / f"python{python.minor}", python.base / "lib")
        unfinished.chmod(0o755)
        try:
            unfinished.rename(target)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not target.exists():  # else somebody was faster
                raise
    copy = inspect(target / "bin" / f"python{python.minor}")
    assert isinstance(copy, Python), copy
    assert copy.base == target, f"the copy in {target} runs from {copy.base}"
    return copy


def _find_library_beside(program: Path, old: Path) -> None:
    """Make a program look for libpython in its own ../lib and no longer in `old`.

    The path is overwritten where it stands in the program's string table: the new one is shorter.
    """
    data = program.read_bytes()
    before = str(old).encode() + b"\0"
    after = b"$ORIGIN/../lib\0"
    if before in data and len(after) <= len(before):
        program.write_bytes(data.replace(before, after.ljust(len(before), b"\0")))
