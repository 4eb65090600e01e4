"""The library that reads schedule=, where the daemons of a test find it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cronsim

EVERY_SECOND = "* * * * * *"
"""Six fields: the first is seconds."""
NEVER_YET = "0 0 29 2 *"


def library(root: Path) -> Path:
    """Copy it to a folder for python-path=, which any user can read."""
    target = root / "library"
    if not target.exists():
        source = Path(cronsim.__file__).parent
        shutil.copytree(source, target / source.name)
    return target
