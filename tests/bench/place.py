"""What a run needs on disk, and what it says about the machine."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.servers import Around
from support import machine

HERE = Path(__file__).parent
REPO = HERE.parent.parent
ONE_MIB = 1 << 20


@contextlib.contextmanager
def prepared(build: Path) -> Iterator[Around]:
    """A directory under /tmp with applications, data and our programs, which every user can read."""
    root = machine.make_root("bench-")
    try:
        apps = root / "apps"
        shutil.copytree(HERE / "apps", apps, ignore=shutil.ignore_patterns("__pycache__"))
        (apps / "one_mib.bin").write_bytes(os.urandom(ONE_MIB))
        (apps / "hello.txt").write_text("Hello World!")
        staged = machine.stage_artifacts(build, root / "build")
        for path in [apps, *apps.iterdir()]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        facts = None
        with contextlib.suppress(machine.HttpdFailed):
            facts = machine.find_apache()
        yield Around(
            facts=facts,
            build=staged.folder,
            home=Path(sys.prefix),
            apps=apps,
            user=facts.user if facts else None,
            group=facts.group if facts else None,
        )
    finally:
        machine.remove_tree(root)


def about() -> dict[str, str]:
    """Machine and versions, for the head of the report."""
    packages = ("mod_wsgi", "gunicorn", "granian", "cheroot", "bjoern", "Flask", "Django")
    versions = {name: _version(name) for name in packages}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _said(["git", "-C", str(REPO), "describe", "--always", "--dirty"]),
        "machine": f"{len(os.sched_getaffinity(0))} × {_processor()}, Linux {platform.release()}",
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
        "apache": _match(r"Apache/(\S+)", _said([_apache(), "-v"])),
        "nginx": _match(r"nginx/(\S+)", _said(["/usr/sbin/nginx", "-v"])),
        "uwsgi": _said(["uwsgi", "--version"]),
        **versions,
    }


def _apache() -> str:
    return next((path for name in machine.PROGRAMS if (path := shutil.which(name))), "apache2")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _said(words: list[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return "-"
    return (done.stdout + done.stderr).strip() or "-"


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "-"


def _processor() -> str:
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if found:
            return found[1].strip()
    return platform.machine()
