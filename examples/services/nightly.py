"""Throws away what is older than a week.

A job of a process group with schedule=: services.conf says when it runs.
"""

import os
import time
from pathlib import Path

WEEK = 7 * 86400

for path in Path(os.environ["UPLOADS"]).iterdir():
    if path.is_file() and path.stat().st_mtime < time.time() - WEEK:
        path.unlink()
        print("removed", path)
