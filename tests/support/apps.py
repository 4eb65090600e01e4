"""Where the tiny applications of tests/apps are, and how a server gets at them."""

from __future__ import annotations

import shutil
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "apps"


def names() -> list[str]:
    return sorted(path.parent.name for path in SOURCE.glob("*/wsgi.py"))


def extras() -> list[Path]:
    """Configuration that an application brings along: NAME/extra.conf."""
    return sorted(SOURCE.glob("*/extra.conf"))


def install(target: Path) -> Path:
    """Copy all applications to where the web user may read them."""
    shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target
