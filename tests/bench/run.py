"""Entry point of ./dev bench: makes `bench` and `support` importable, then runs bench.cli."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
