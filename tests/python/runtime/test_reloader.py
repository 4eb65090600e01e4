"""Noticing that files have changed."""

from __future__ import annotations

import os
import py_compile
import queue
import signal
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from mod_pywsgi.reloader import start_reloader, track_changes
from mod_pywsgi.runtime import reloader
from mod_pywsgi.runtime.reloader import Watcher, changes

OLD, NEW = (1, 10, 5), (2, 10, 5)


def test_changes() -> None:
    assert changes({"a": OLD}, {"a": OLD}) == []
    assert changes({"a": OLD}, {"a": NEW}) == ["a"]
    assert changes({"a": OLD}, {"a": (1, 11, 5)}) == ["a"]
    assert changes({"a": OLD}, {"a": (1, 10, 6)}) == ["a"]


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


def test_a_file_that_changes_before_it_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Django's urls.py: imported by the first request, and saved right after that."""
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.touch()
    os.utime(old, (1, 1))
    seen: queue.Queue[str] = queue.Queue()
    watcher = Watcher([], seen.put, interval=0.01)

    def wait(_: set[str]) -> None:
        new.write_text("changed")
        monkeypatch.setattr(reloader, "_tracked", {str(old), str(new)})
        time.sleep(0.01)

    monkeypatch.setattr(reloader.notify, "choose", lambda *_: types.SimpleNamespace(wait=wait))
    watcher.start()
    try:
        assert seen.get(timeout=10) == str(new)
    finally:
        watcher.stop()


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


def test_changes_while_importing() -> None:
    now = time.time_ns()
    future = now + 3600 * 10**9
    found = {"before": (now - 5, 1, 1), "within": (now, 1, 1), "clock": (future, 1, 1)}
    assert reloader.changed_since(now - 1, found) == ["within"]


def test_project_files(tmp_path: Path) -> None:
    """Those below it, but for what is hidden, installed, or an environment."""
    for name in ("app.py", "a/b/c.py", ".git/x.py", "env/x.py", "node_modules/x.py", "a/text"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    found = reloader.project_files([str(tmp_path / "app.py"), os.__file__, pytest.__file__])
    assert found == {str(tmp_path / "app.py"), str(tmp_path / "a/b/c.py")}


def test_watcher_looks_farther_after_a_change(tmp_path: Path) -> None:
    """A process that is still there has no successor yet: it may be any file that has to be mended."""
    file = tmp_path / "module.py"
    file.write_text("1")
    seen: queue.Queue[str] = queue.Queue()
    watcher = Watcher([str(file)], seen.put, interval=0.01)
    watcher.start()
    file.write_text("22")
    assert seen.get(timeout=10) == str(file)
    other = tmp_path / "other.py"
    other.write_text("1")
    assert seen.get(timeout=10) == str(other)
    watcher.stop()


def test_installed_packages_are_looked_at_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, installed = tmp_path / "own.py", tmp_path / "site-packages" / "theirs.py"
    installed.parent.mkdir()
    own.touch()
    installed.touch()
    watcher = Watcher([str(own), str(installed)], interval=0.01)
    monkeypatch.setattr(watcher, "_files", lambda: {str(own), str(installed)})
    assert watcher._due_files() == {str(own), str(installed)}
    assert watcher._due_files() == {str(own)}
    monkeypatch.setattr(reloader.time, "monotonic", lambda: watcher._installed_at)
    assert watcher._due_files() == {str(own), str(installed)}


def test_tracked_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloader, "_tracked", set())
    monkeypatch.chdir(tmp_path)
    track_changes("page.html")
    track_changes(tmp_path / "other.html")
    files = reloader.source_files()
    assert {str(tmp_path / "page.html"), str(tmp_path / "other.html")} <= files


def test_stale_bytecode_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would take it for that of a file of the same size and second."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    source = tmp_path / "module.py"
    source.write_text("x = 1\n")
    cache = Path(py_compile.compile(str(source)) or "")
    assert cache.exists()
    reloader.replace_process(str(source))
    assert not cache.exists()
    assert sent == [signal.SIGUSR1]
    reloader.replace_process(str(tmp_path / "page.html"))


def test_only_processes_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    start_reloader()
    assert "only a process of a process group" in capsys.readouterr().err


def test_modules_without_file_do_no_harm() -> None:
    sys.modules["pywsgi_test_odd"] = None  # type: ignore[assignment]
    try:
        reloader.source_files()
    finally:
        del sys.modules["pywsgi_test_odd"]
