"""Which lines of the application were run, by the package coverage."""

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any


class Coverage:
    """Measures from `start` to `finish`; coverage's own settings files hold."""

    def __init__(self, directory: str) -> None:
        """:raises ImportError: the package is not installed."""
        self._directory = directory
        library: Any = importlib.import_module("coverage")
        self._coverage = library.Coverage(data_file=os.path.join(directory, ".coverage"))
        own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        omitted = self._coverage.get_option("run:omit") or []
        self._coverage.set_option("run:omit", [*omitted, os.path.join(own, "*")])

    def start(self) -> None:
        """Begin."""
        self._coverage.start()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Measure in this thread too, which is Apache's: Python's own threads begin by themselves."""
        begin = threading.gettrace()
        if begin is not None and sys.gettrace() is None:
            sys.settrace(begin)
        yield

    def finish(self) -> list[str]:
        """Write the report.

        :return: its path.
        :raises Exception: coverage's, where there is nothing to report for one.
        """
        self._coverage.stop()
        self._coverage.save()
        self._coverage.html_report(directory=self._directory)
        return [os.path.join(self._directory, "index.html")]
