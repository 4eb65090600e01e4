"""The build step of the package: the server programs, by the same configure and make as without pip.

Everything else stands in pyproject.toml. The programs go to <prefix>/libexec/mod_pywsgi, so that each
environment has the daemon of its own Python. PYWSGI_BUILD_DIR names another build directory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Distribution, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
LIBEXEC = "libexec/mod_pywsgi"
ARTIFACTS = ("mod_pywsgi.so", "pywsgi-daemon", "pywsgi-embed.so")
AUTOCONF_MISSING = (
    "The source tree has no configure script and autoconf, which makes it, is not on PATH. "
    "Install the package autoconf (Debian, Ubuntu, Fedora and Alpine call it the same), "
    "or install a released sdist."
)


def generate_configure() -> None:
    """Run autoconf where configure is missing.

    Raises SystemExit with a sentence where autoconf is missing too.
    """
    if (ROOT / "configure").exists():
        return
    if shutil.which("autoconf") is None:
        raise SystemExit(AUTOCONF_MISSING)
    run(["autoconf"], ROOT)


def generate_manual() -> None:
    """Make the pages that --enable-docs serves; without markdown-it-py the package has none."""
    run([sys.executable, "src/manual/build.py", "docs", "python/mod_pywsgi/manual"], ROOT)


def run(command: list[str], directory: Path) -> None:
    """Run one step of the build; its own output says what went wrong.

    Raises SystemExit where the step failed.
    """
    status = subprocess.run(command, cwd=directory, check=False).returncode
    if status != 0:
        raise SystemExit(
            f"The build of the server programs stopped: {command[0]} ended with status {status}."
        )


def python_program() -> str:
    """The interpreter beneath any virtual environment, which outlives it (a build may be resumed)."""
    beneath = getattr(sys, "_base_executable", None) or sys.executable
    return beneath if os.access(beneath, os.X_OK) else sys.executable


def build_directory() -> Path:
    named = os.environ.get("PYWSGI_BUILD_DIR")
    return ROOT / (named or f"build/pip-{sys.implementation.cache_tag}")


def configure(directory: Path) -> None:
    """Configure DIRECTORY for this Python, unless that is how it was configured last."""
    arguments = [f"--with-python={python_program()}"]
    if apxs := os.environ.get("APXS"):
        arguments.append(f"--with-apxs={apxs}")
    stamp = directory / "configured-with"
    wanted = "\n".join([*arguments, sys.base_prefix, sys.version])
    if (directory / "Makefile").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    directory.mkdir(parents=True, exist_ok=True)
    run([str(ROOT / "configure"), "-q", *arguments], directory)
    stamp.write_text(wanted)


class BuildServer(Command):
    """Configure and make, then name the results as data files of the distribution."""

    description = "build the Apache module and the daemon program"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = []

    def initialize_options(self) -> None:
        pass

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        generate_configure()
        generate_manual()
        directory = build_directory()
        configure(directory)
        run([shutil.which("gmake") or "make", f"-j{os.cpu_count() or 1}"], directory)
        built = [
            os.path.relpath(directory / name, ROOT)
            for name in ARTIFACTS
            if (directory / name).exists()
        ]
        # In place: install_data holds this very list already.
        data_files = self.distribution.data_files
        assert data_files is not None
        data_files[:] = [(LIBEXEC, built)]


class Build(build):
    """setuptools' build, with the server programs, and the pages among the package's data."""

    sub_commands = [*build.sub_commands, ("build_server", None)]  # noqa: RUF012 (setuptools' own protocol)

    def run(self) -> None:
        generate_manual()
        super().run()


class SourceRelease(sdist):
    """setuptools' sdist, with the generated configure and pages."""

    def run(self) -> None:
        generate_configure()
        generate_manual()
        super().run()


class PlatformDistribution(Distribution):
    """A distribution whose wheel is tagged for this Python and machine, as that of an extension is."""

    def has_ext_modules(self) -> bool:
        return True

    def has_data(self) -> bool:
        """What editable_wheel asks before it installs data files (has_data_files elsewhere)."""
        return bool(self.has_data_files())


setup(
    distclass=PlatformDistribution,
    data_files=[],
    cmdclass={"build": Build, "build_server": BuildServer, "sdist": SourceRelease},
)
