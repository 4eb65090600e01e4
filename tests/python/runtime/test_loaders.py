"""Loading applications inside the server."""

from __future__ import annotations

import logging
import os.path
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
    assert loaders.callable_of(module, "application")({}, None) == []
    del sys.modules[module.__name__]


def test_broken_script_leaves_nothing(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import nothing_of_that_name\n")
    before = set(sys.modules)
    with pytest.raises(ImportError):
        loaders.load_script(str(script))
    assert set(sys.modules) == before


def test_callables(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("import os.path\nclass App: server = 5\napp = App()\nos_path = None\n")
    module = loaders.load_script(str(script))
    assert loaders.callable_of(module, "app.server") == 5
    assert loaders.callable_of(module, "os.path.join") is os.path.join
    assert loaders.callable_of(module, "pathlib.Path") is Path  # not a name of the script's
    with pytest.raises(AttributeError, match=r"app\.py has no 'application'"):
        loaders.callable_of(module, "application")
    with pytest.raises(AttributeError, match="'App' object has no attribute 'wsgi'"):
        loaders.callable_of(module, "app.wsgi")
    del sys.modules[module.__name__]


PASTE = """
[app:main]
use = call:{module}:make
greeting = hello
[app:other]
use = call:{module}:make
greeting = %(here)s
[loggers]
keys = root
[logger_root]
level = WARNING
handlers = console
[handlers]
keys = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
[formatters]
keys =
"""


def test_paste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pywsgi_paste.py").write_text(
        "def make(global_config, **settings):\n    return lambda e, s: [settings['greeting']]\n"
    )
    (tmp_path / "site.ini").write_text(PASTE.format(module="pywsgi_paste"))
    monkeypatch.syspath_prepend(tmp_path)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    level = root.level
    try:
        assert loaders.load_paste(f"{tmp_path}/site.ini#main")({}, None) == ["hello"]
        assert loaders.load_paste(f"{tmp_path}/site.ini#other")({}, None) == [str(tmp_path)]
        assert root.level == logging.WARNING
    finally:
        root.setLevel(level)
        sys.modules.pop("pywsgi_paste", None)
