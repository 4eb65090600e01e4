"""The few lines that express says on the console: results to stdout, remarks to stderr."""

import sys

PROGRAM = "mod-pywsgi-express"


def say(text: str) -> None:
    """Print a result: what the user asked for."""
    print(text, flush=True)


def note(text: str) -> None:
    """Print a remark: something the user should know, though it stops nothing."""
    print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)
