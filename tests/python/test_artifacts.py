"""Where the built parts are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mod_pywsgi import artifacts
from mod_pywsgi.errors import HttpdError


def test_named_directory(tmp_path: Path) -> None:
    (tmp_path / artifacts.MODULE).touch()
    found = artifacts.find({artifacts.VARIABLE: str(tmp_path)})
    assert found.module == tmp_path / "mod_pywsgi.so"
    assert found.daemon == tmp_path / "pywsgi-daemon"


def test_beside_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "libexec" / "mod_pywsgi"
    directory.mkdir(parents=True)
    (directory / artifacts.MODULE).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert artifacts.find({}).directory == directory


def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(artifacts, "_distribution", lambda: None)
    monkeypatch.setattr("site.ENABLE_USER_SITE", False)
    with pytest.raises(HttpdError, match="is not installed") as caught:
        artifacts.find({})
    assert str(tmp_path / "libexec") in caught.value.hint
    assert "pip install" in caught.value.hint


def fake_daemon(directory: Path, says: str, code: int = 0) -> artifacts.Artifacts:
    program = directory / artifacts.DAEMON
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    program.chmod(0o755)
    return artifacts.Artifacts(directory)


def test_same_python(tmp_path: Path) -> None:
    python = artifacts.python_facts()
    says = f"pywsgi-daemon 1 (Python {python.version}.2)"
    artifacts.require_same_python(fake_daemon(tmp_path, says), python)


def test_other_python(tmp_path: Path) -> None:
    with pytest.raises(HttpdError, match=r"built for Python 2\.7, but") as caught:
        artifacts.require_same_python(
            fake_daemon(tmp_path, "pywsgi-daemon 1 (Python 2.7)"), artifacts.python_facts()
        )
    assert "--force-reinstall" in caught.value.hint


def test_broken_daemon(tmp_path: Path) -> None:
    broken = fake_daemon(tmp_path, "error while loading libpython3.9.so", 127)
    with pytest.raises(HttpdError, match=r"does not start: error while loading libpython3\.9"):
        artifacts.require_same_python(broken, artifacts.python_facts())


def test_python_facts() -> None:
    python = artifacts.python_facts()
    assert python.home == Path(sys.prefix)
    assert (python.package / "artifacts.py").is_file()
