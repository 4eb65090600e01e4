"""Loading applications inside the server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mod_pywsgi.runtime import loaders


def test_script(tmp_path: Path) -> None:
    script = tmp_path / "site.wsgi"
    script.write_text("import sys\napplication = lambda e, s: []\nme = sys.modules[__name__]\n")
    module = loaders.load_script(str(script))
    assert module.__file__ == str(script)
    assert module.me is module
    assert loaders.application_of(module, "application", False)({}, None) == []
    del sys.modules[module.__name__]


def test_broken_script_leaves_nothing(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import nothing_of_that_name\n")
    before = set(sys.modules)
    with pytest.raises(ImportError):
        loaders.load_script(str(script))
    assert set(sys.modules) == before


def test_factory(tmp_path: Path) -> None:
    script = tmp_path / "factory.py"
    script.write_text("def create_app():\n    return lambda e, s: [b'x']\n")
    module = loaders.load_script(str(script))
    assert loaders.application_of(module, "create_app", True)({}, None) == [b"x"]


def test_wrong_callables(tmp_path: Path) -> None:
    script = tmp_path / "wrong.py"
    script.write_text("application = 5\n")
    module = loaders.load_script(str(script))
    with pytest.raises(AttributeError, match=r"wrong\.py has no 'app'"):
        loaders.application_of(module, "app", False)
    with pytest.raises(TypeError, match="cannot be called"):
        loaders.application_of(module, "application", False)
