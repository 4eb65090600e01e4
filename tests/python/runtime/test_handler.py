"""What the generated handler script calls."""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi.runtime import handler

PACKAGE = Path(handler.__file__).parent


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """The calls that would have started a watcher."""
    calls: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    monkeypatch.setattr(
        handler.reloader, "watch", lambda extra, **more: calls.append((tuple(extra), more))
    )
    return calls


def prepare(**changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "kind": "script",
        **changed,
    }
    return handler.prepare(**arguments)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text("import os\nHERE = os.getcwd()\ndef application(e, s): return [HERE]\n")
    return path


def test_script(script: Path, watched: list[Any]) -> None:
    assert prepare(name=str(script))({}, None) == [os.getcwd()]
    assert watched == []


def test_module(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script.rename(script.parent / "pywsgi_test_app.py")
    monkeypatch.syspath_prepend(script.parent)
    assert callable(prepare(kind="module", name="pywsgi_test_app"))
    del sys.modules["pywsgi_test_app"]


def test_factory_with_arguments(script: Path) -> None:
    script.write_text("def make(*a, **k):\n    return lambda e, s: [a, k]\n")
    made = prepare(
        name=str(script),
        callable_name="make",
        is_factory=True,
        arguments=[{}, 1],
        keywords={"debug": True},
    )
    assert made({}, None) == [({}, 1), {"debug": True}]


def test_what_cannot_be_called(script: Path) -> None:
    script.write_text("application = 5\n")
    with pytest.raises(TypeError, match="cannot be called"):
        prepare(name=str(script))


def test_touched(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("1")
    reload_required = handler.touched(str(file))
    assert not reload_required("/resource")
    os.utime(file, (1, 1))
    assert reload_required("/resource")
    file.unlink()
    assert not reload_required("/resource")


def test_working_directory(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    application = prepare(name=str(script), working_directory=str(tmp_path))
    assert application({}, None) == [str(tmp_path)]


def test_reloading(script: Path, watched: list[Any]) -> None:
    before = time.time_ns()
    prepare(name=str(script), reload_on_changes=True)
    [(files, more)] = watched
    assert files == (str(script),)
    assert before <= more["since_ns"] <= time.time_ns()
    assert not more.get("is_wide")


@pytest.mark.parametrize("source", ["import helper_of_test", "def application(:"])
def test_failure_is_watched(
    script: Path, watched: list[Any], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The change that mends a broken application must be noticed too."""
    helper = script.parent / "helper_of_test.py"
    helper.write_text("raise ValueError('broken')")
    script.write_text(source)
    monkeypatch.syspath_prepend(script.parent)
    with pytest.raises((ValueError, SyntaxError)):
        prepare(name=str(script), reload_on_changes=True)
    [(files, more)] = watched
    assert str(script) in files
    assert more["is_wide"]
    if "helper" in source:
        assert str(helper) in files


def test_runtime_stands_alone() -> None:
    """It is imported by every application: nothing of express, nothing but the library."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                own = name.startswith("mod_pywsgi.runtime") or path.stem == top == "django"
                assert top in sys.stdlib_module_names or own, path
