"""All tests, by several workers, and a second turn for the few that failed: `./dev test`.

They run one after the other then, with nothing beside them. What fails again is broken. What passes is
unsteady, the test or the server under load, and is named. More than a few are no accident, nor is what
went wrong outside of a test (support/outcomes.py): no second turn.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FEW = 3
TESTS_FAILED = 1  # pytest's status; all others mean that it did not run them, or not to the end
WORKERS = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadscope", "--durations=30")
# As `python -m pytest`, which finds the plugin; by no variable that the servers of the tests would get, too.
PYTEST = f"""
import sys, pytest
sys.path.insert(0, {str(Path(__file__).resolve().parent)!r})
sys.exit(pytest.main(sys.argv[1:]))
"""


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments in the current directory; its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first.json"), Path(folder, "second.json")
        status = _pytest(first, *WORKERS, *arguments)
        if status != TESTS_FAILED or not first.exists():
            return status
        seen = json.loads(first.read_text())
        failed = seen["failed"]
        if seen["broken"] or not 0 < len(failed) <= FEW:
            return status
        print("dev: a second turn, alone, for what failed. What passes now is UNSTEADY: mend it.")
        print(*(f"dev:   {name}" for name in failed), sep="\n", flush=True)
        status = _pytest(second, *failed)
        if status != 0 or set(failed) <= set(json.loads(second.read_text())["passed"]):
            return status
        print("dev: not all of them were run again", flush=True)
        return TESTS_FAILED


def _pytest(outcomes: Path, *arguments: str) -> int:
    plugin = ("-p", "support.outcomes", "--outcomes", str(outcomes))
    process = subprocess.Popen([sys.executable, "-c", PYTEST, *plugin, *arguments])
    # Whoever interrupts reaches pytest too, which has servers to stop: it is waited for.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
