"""Waiting for a change of files."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from mod_pywsgi.runtime import notify

LONG = 60.0  # seconds that no test waits


def wait_beside(notifier: notify.Notifier, files: set[str]) -> threading.Event:
    """Wait in a thread; the event says that it is over."""
    over = threading.Event()

    def wait() -> None:
        notifier.wait(files)
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    return over


def test_notice_of_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_LONGEST", int(LONG * 1000))
    stopped = threading.Event()
    notifier = notify.choose(stopped)
    assert isinstance(notifier, notify.Notices)
    file = tmp_path / "page.html"
    file.write_text("1")
    over = wait_beside(notifier, {str(file)})
    (tmp_path / "data.sqlite").write_text("not ours")
    deadline = time.monotonic() + 10
    number = 0
    while not over.wait(0.05) and time.monotonic() < deadline:
        number += 1  # the watch may not have begun yet
        file.write_text(str(number))
    assert over.is_set()
    stopped.set()


def test_stop_ends_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_LONGEST", int(LONG * 1000))
    for interval in (None, LONG):
        stopped = threading.Event()
        over = wait_beside(notify.choose(stopped, interval), {str(tmp_path / "x.py")})
        stopped.set()
        assert over.wait(10)


def test_without_watchfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert isinstance(notify.choose(threading.Event()), notify.Polling)


class Refusing:
    """watchfiles where the system gives no more watches."""

    def watch(self, *_: object, **__: object) -> object:
        def fail() -> object:
            raise OSError("no space left")
            yield

        return fail()


def test_no_watches_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then it looks from time to time, and says why once."""
    notifier = notify.Notices(threading.Event(), Refusing())
    for _ in range(2):
        notifier.wait({str(tmp_path / "x.py")})
    assert capsys.readouterr().err.count("no space left") == 1


def test_directories(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    (tmp_path / "a.py").touch()
    files = {str(tmp_path / "a.py"), str(tmp_path / "watched"), "/nowhere/at/all.py"}
    assert notify.directories_of(files) == {str(tmp_path), str(tmp_path / "watched")}
