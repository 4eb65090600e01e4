"""The profile and the flame graph of one run."""

from __future__ import annotations

import _thread
import pstats
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mod_pywsgi.runtime.debug.profiler import Profiler


@pytest.fixture(autouse=True)
def switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def busy_for_a_while(profiler: Profiler) -> None:
    """Until the sampler has seen it."""
    deadline = time.monotonic() + 30
    while profiler._sampler._samples < 5 and time.monotonic() < deadline:
        sum(range(1000))


def test_both_files(tmp_path: Path) -> None:
    profiler = Profiler(str(tmp_path))
    profiler.start()

    done = threading.Lock()
    done.acquire()

    def request() -> None:
        with profiler.inside():
            busy_for_a_while(profiler)
        with profiler.inside():
            len("")
        done.release()

    _thread.start_new_thread(request, ())  # as Apache does: no code of Python's around it
    done.acquire()
    stats, graph = map(Path, profiler.finish())
    assert stats.suffix == ".pstats" and graph.suffix == ".svg" and stats.stem == graph.stem
    calls = {
        name: (primitive, all_of_them)
        for (_, _, name), (primitive, all_of_them, *_) in pstats.Stats(str(stats)).stats.items()  # type: ignore[attr-defined]
    }
    assert calls["busy_for_a_while"] == (1, 1)
    assert "_look" not in calls  # the sampler's own
    text = graph.read_text()
    assert f"{__name__}.busy_for_a_while\n{__file__}:" in text
    assert "mod_pywsgi.runtime" not in text


def test_nothing_ran(tmp_path: Path) -> None:
    profiler = Profiler(str(tmp_path))
    profiler.start()
    assert profiler.finish() == []
    assert list(tmp_path.iterdir()) == []


def test_exceptions_pass(tmp_path: Path) -> None:
    profiler = Profiler(str(tmp_path))
    with pytest.raises(ValueError), profiler.inside():
        raise ValueError
    assert sys.getprofile() is None
