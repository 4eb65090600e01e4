"""Noticing that files have changed."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from mod_pywsgi.runtime import reloader
from mod_pywsgi.runtime.reloader import Watcher, changes

OLD, NEW = (1, 10), (2, 10)


def test_changes() -> None:
    assert changes({"a": OLD}, {"a": OLD}) == []
    assert changes({"a": OLD}, {"a": NEW}) == ["a"]
    assert changes({"a": OLD}, {"a": (1, 11)}) == ["a"]


def test_new_and_missing_files_are_no_changes() -> None:
    assert changes({}, {"a": NEW}) == []
    assert changes({"a": OLD}, {}) == []


def test_source_files() -> None:
    files = reloader.source_files(["/extra.py"])
    assert os.__file__ in files
    assert "/extra.py" in files
    assert all(os.path.isabs(name) for name in files)


def test_stamps_leave_out_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert list(reloader.stamps([str(tmp_path / "a"), str(tmp_path / "b")])) == [
        str(tmp_path / "a")
    ]


def test_watcher_notices(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_text("1")
    noticed = threading.Event()
    seen: list[str] = []

    def on_change(path: str) -> None:
        seen.append(path)
        noticed.set()

    watcher = Watcher([str(file)], on_change, interval=0.01)
    watcher.start()
    assert not noticed.wait(0.1)
    file.write_text("22")
    assert noticed.wait(10)
    assert seen == [str(file)]


def test_watcher_survives_replacement(tmp_path: Path) -> None:
    """An editor that removes the file before it writes the new one."""
    file = tmp_path / "module.py"
    file.write_text("1")
    noticed = threading.Event()
    watcher = Watcher([str(file)], lambda _: noticed.set(), interval=0.01)
    watcher.start()
    file.unlink()
    assert not noticed.wait(0.1)
    file.write_text("22")
    assert noticed.wait(10)


def test_watcher_stops(tmp_path: Path) -> None:
    noticed = threading.Event()
    watcher = Watcher([str(tmp_path)], lambda _: noticed.set(), interval=0.01)
    watcher.start()
    watcher.stop()
    (tmp_path / "x").touch()
    assert not noticed.wait(0.1)


def test_modules_without_file_do_no_harm() -> None:
    sys.modules["pywsgi_test_odd"] = None  # type: ignore[assignment]
    try:
        reloader.source_files()
    finally:
        del sys.modules["pywsgi_test_odd"]
