"""Virtual environments as users have them: mod_pywsgi from a wheel, and an application's packages.

They are kept between runs, below build/realapps. A wheel is built once for each Python and
version of the sources, an environment is made once for each Python and list of requirements.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.pythons import Python

REPO = Path(__file__).parent.parent.parent
SOURCES = ("src", "python", "setup.py", "pyproject.toml", "configure.ac", "Makefile.in", "LICENSE")
NOT_SOURCES = {"__pycache__", "mod_pywsgi.egg-info"}
STAMP = "mod_pywsgi.wheel"


def run(command: Sequence[str | Path], **more: object) -> str:
    """What the command printed; a failure shows all of it."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return str(done.stdout)


@dataclass(frozen=True)
class Venv:
    """One environment, with mod_pywsgi in it."""

    root: Path
    python: Python

    @property
    def program(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def express(self) -> Path:
        return self.root / "bin" / "mod-pywsgi-express"

    @property
    def libexec(self) -> Path:
        return self.root / "libexec" / "mod_pywsgi"

    @property
    def module(self) -> Path:
        return self.libexec / "mod_pywsgi.so"

    def run(self, *words: str | Path, **more: object) -> str:
        """Run this environment's Python."""
        return run([self.program, *words], **more)


class Cache:
    """Makes what is not there yet; one test run at a time does so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._venvs: dict[tuple[str, str], Venv] = {}
        self._sources: str | None = None
        for path in (folder.parent, folder):
            path.mkdir(exist_ok=True, mode=0o755)
        folder.chmod(0o755)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def venv(self, name: str, python: Python, requirements: str) -> Venv:
        """The environment of this name, made anew when the Python or the requirements changed."""
        made = self._venvs.get((name, python.key))
        if made is None:
            made = self._venvs[name, python.key] = self._make_venv(name, python, requirements)
        return made

    def _make_venv(self, name: str, python: Python, requirements: str) -> Venv:
        with self.locked():
            key = _digest(requirements.encode(), python.key.encode())
            root = self.folder / f"{name}-{python.minor}-{key}"
            for old in self.folder.glob(f"{name}-{python.minor}-*"):
                if old != root:
                    shutil.rmtree(old)
            venv = Venv(root, python)
            if not (root / STAMP).exists():
                shutil.rmtree(root, ignore_errors=True)
                run([python.program, "-m", "venv", root])
                venv.run("-m", "pip", "install", "-q", *requirements.split())
                (root / STAMP).touch()
            wheel = self._wheel(venv)
            if (root / STAMP).read_text() != wheel.parent.name:
                venv.run("-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel)
                venv.run("-m", "pip", "install", "-q", wheel)
                (root / STAMP).write_text(wheel.parent.name)
            return venv

    def _wheel(self, venv: Venv) -> Path:
        """mod_pywsgi for this Python, built by the pip of an environment."""
        python = venv.python
        if self._sources is None:
            self._sources = _digest(*_sources())
        folder = self.folder / f"wheel-{python.minor}-{python.key}-{self._sources}"
        if not folder.exists():
            for old in self.folder.glob(f"wheel-{python.minor}-*"):
                shutil.rmtree(old)
            unfinished = self.folder / "wheel.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            env = {
                **os.environ,
                "PYWSGI_BUILD_DIR": f"build/realapps/make-{python.minor}-{python.key}",
            }
            venv.run("-m", "pip", "wheel", "-q", "--no-deps", "-w", unfinished, REPO, env=env)
            unfinished.rename(folder)
        (wheel,) = folder.glob("mod_pywsgi-*.whl")
        return wheel


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _sources() -> Iterator[bytes]:
    """Names and contents of everything that goes into the wheel."""
    for name in SOURCES:
        top = REPO / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and not NOT_SOURCES & set(path.parts):
                yield str(path.relative_to(REPO)).encode()
                yield path.read_bytes()
