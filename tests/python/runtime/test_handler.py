"""What the generated handler script calls."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime import handler

PACKAGE = Path(handler.__file__).parent


class FakeWatcher:
    started: list[tuple[str, ...]] = []  # shared, cleared by the fixture

    def __init__(self, extra: Any = ()) -> None:
        self.extra = tuple(extra)

    def start(self) -> None:
        self.started.append(self.extra)


@pytest.fixture(autouse=True)
def watchers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    monkeypatch.setattr(handler, "Watcher", FakeWatcher)
    FakeWatcher.started.clear()
    return FakeWatcher.started


def prepare(**changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "script": None,
        "module": None,
        "callable_name": "application",
        "is_factory": False,
        "working_directory": None,
        "reload_on_changes": False,
        **changed,
    }
    return handler.prepare(**arguments)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text("import os\nHERE = os.getcwd()\ndef application(e, s): return [HERE]\n")
    return path


def test_script(script: Path, watchers: list[tuple[str, ...]]) -> None:
    assert prepare(script=str(script))({}, None) == [os.getcwd()]
    assert watchers == []


def test_module(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script.rename(script.parent / "pywsgi_test_app.py")
    monkeypatch.syspath_prepend(script.parent)
    assert callable(prepare(module="pywsgi_test_app"))
    del sys.modules["pywsgi_test_app"]


def test_working_directory(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    application = prepare(script=str(script), working_directory=str(tmp_path))
    assert application({}, None) == [str(tmp_path)]


def test_reloading(script: Path, watchers: list[tuple[str, ...]]) -> None:
    prepare(script=str(script), reload_on_changes=True)
    assert watchers == [(str(script),)]


@pytest.mark.parametrize("source", ["import helper_of_test", "def application(:"])
def test_failure_is_watched(
    script: Path, watchers: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The change that mends a broken application must be noticed too."""
    helper = script.parent / "helper_of_test.py"
    helper.write_text("raise ValueError('broken')")
    script.write_text(source)
    monkeypatch.syspath_prepend(script.parent)
    with pytest.raises((ValueError, SyntaxError)):
        prepare(script=str(script), reload_on_changes=True)
    assert str(script) in watchers[0]
    if "helper" in source:
        assert str(helper) in watchers[0]


def test_runtime_stands_alone() -> None:
    """It is imported by every application: nothing of express, nothing but the library."""
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names or name.startswith("mod_pywsgi.runtime")
