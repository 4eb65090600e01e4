"""What the application spends its time on: a profile by cProfile and a flame graph.

Both are of the same run. cProfile counts every call, and slows Python code down by it; it knows
who called whom, but no whole stacks. Those are sampled: a thread looks a thousand times a second
at what the thread of the request is just doing, waits included.
"""

import contextlib
import cProfile
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from mod_pywsgi.runtime import loaders
from mod_pywsgi.runtime.debug import flame

_INTERVAL = 0.001  # seconds between two samples
_TOOL_ID = 4  # of those that Python gives to nobody
_OWN = ("mod_pywsgi.runtime", "importlib._bootstrap", "_frozen_importlib")


class Profiler:
    """Profiles what runs inside of `inside`, until `finish`."""

    def __init__(self, directory: str) -> None:
        self._base = os.path.join(directory, f"{time.time_ns() // 1000}-{os.getpid()}")
        self._profile = cProfile.Profile()
        self._sampler = _Sampler()
        self._spans = 0

    def start(self) -> None:
        """Begin to sample."""
        # So often a thread that computes makes room for the one that samples.
        sys.setswitchinterval(_INTERVAL / 2)
        self._sampler.start()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Count what this thread does."""
        self._spans += 1
        self._sampler.watch(threading.get_ident())
        self._profile.enable()
        try:
            yield
        finally:
            self._profile.disable()
            self._sampler.watch(None)

    def finish(self) -> list[str]:
        """Write the profile and the graph.

        :return: their paths; none where nothing ran.
        :raises OSError: they cannot be written.
        """
        self._sampler.stop()
        if not self._spans:
            return []
        paths = [f"{self._base}.pstats", f"{self._base}.svg"]
        self._profile.dump_stats(paths[0])
        with open(paths[1], "w", encoding="utf-8") as file:
            file.write(self._sampler.picture(os.path.basename(paths[1])))
        return paths


class _Sampler:
    """Adds up the stacks of one thread by the time that it was seen in them."""

    def __init__(self) -> None:
        self._watched: int | None = None
        self._due = threading.Event()
        self._ready = threading.Event()
        self._stopped = False
        self._stacks: dict[tuple[flame.Step, ...], float] = {}
        self._samples = 0
        self._thread = threading.Thread(
            target=_unseen, args=(self._run,), name="pywsgi-profiler", daemon=True
        )

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def watch(self, thread: int | None) -> None:
        """Sample this thread from now on; None: no thread."""
        self._watched = thread
        if thread is None:
            self._due.clear()
        else:
            self._due.set()

    def stop(self) -> None:
        self._stopped = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def picture(self, title: str) -> str:
        total = sum(self._stacks.values())
        notes = [
            f"{self._samples:,} samples, {total:.3f} s in the application, waits included",
            f"one sample every {_INTERVAL * 1000:g} ms or so",
            "the pointer on a box shows its name and time",
        ]
        return flame.svg(self._stacks, title, notes)

    def _run(self) -> None:
        self._ready.set()
        while True:
            self._due.wait()
            before = time.perf_counter()
            while self._due.is_set():
                if self._stopped:
                    return
                time.sleep(_INTERVAL)
                now = time.perf_counter()
                self._look(now - before)
                before = now

    def _look(self, seconds: float) -> None:
        watched = self._watched
        frame = sys._current_frames().get(watched) if watched is not None else None
        stack = _stack(frame)
        if stack:
            self._samples += 1
            self._stacks[stack] = self._stacks.get(stack, 0.0) + seconds


def _unseen(run: Callable[[], None]) -> None:
    """Run something that cProfile does not count.

    From Python 3.12 on it counts the calls of all threads, by sys.monitoring, as if they were one's.
    But the callbacks of another tool are nobody's business: such a one it is that runs it.
    """
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        run()
        return

    def entered(*_: object) -> None:
        run()

    def enter() -> None:
        pass

    tool, event = _TOOL_ID, monitoring.events.PY_START
    monitoring.use_tool_id(tool, "mod_pywsgi")
    try:
        monitoring.register_callback(tool, event, entered)
        monitoring.set_local_events(tool, enter.__code__, event)
        enter()
    finally:
        monitoring.free_tool_id(tool)


def _stack(frame: FrameType | None) -> tuple[flame.Step, ...]:
    """From the outermost to the innermost, without what is the server's and the import system's."""
    steps = []
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "?"))
        if not module.startswith(_OWN):
            code = frame.f_code
            if module.startswith(loaders.SCRIPTS):  # a name that tells nobody anything
                module = os.path.basename(code.co_filename).partition(".")[0]
            name = getattr(code, "co_qualname", code.co_name)
            steps.append((f"{module}.{name}", f"{code.co_filename}:{code.co_firstlineno}"))
        frame = frame.f_back
    return tuple(reversed(steps))
