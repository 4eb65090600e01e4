"""All tests, by several workers, and a second turn for the few that failed: `./dev test`.

They run one after the other then, with nothing beside them. What fails again is broken. What passes is
unsteady, the test or the server under load, and is named. More than a few are no accident: no second turn.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FEW = 3
TESTS_FAILED = 1  # pytest's status; all others mean that it did not run them
CACHE = Path(".pytest_cache/v/cache/lastfailed")
WORKERS = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadscope", "--durations=30")
AGAIN = ("--last-failed", "--last-failed-no-failures=none")


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments in the current directory; its exit status."""
    CACHE.unlink(missing_ok=True)
    status = _pytest(*WORKERS, *arguments)
    failed = sorted(json.loads(CACHE.read_text())) if CACHE.exists() else []
    if status != TESTS_FAILED or not 0 < len(failed) <= FEW:
        return status
    print("dev: a second turn, alone, for what failed. What passes now is UNSTEADY: mend it.")
    print(*(f"dev:   {name}" for name in failed), sep="\n", flush=True)
    return _pytest(*AGAIN, *arguments)


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
