"""What is said of an environment that a configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi.migrate import environments


def venv(path: Path, version: str = "3.12.1", key: str = "version") -> Path:
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").touch()
    (path / "pyvenv.cfg").write_text(f"home = /usr/bin\n{key} = {version}\n")
    return path


def look(path: Path) -> environments.Lack | None:
    return environments.look(str(path), "3.12")


def test_with_mod_pywsgi(tmp_path: Path) -> None:
    home = venv(tmp_path / "v")
    program = home / "libexec" / "mod_pywsgi" / "pywsgi-daemon"
    program.parent.mkdir(parents=True)
    program.touch()
    assert look(home) is None


@pytest.mark.parametrize("key", ["version", "version_info"])
def test_of_the_same_python(tmp_path: Path, key: str) -> None:
    lack = look(venv(tmp_path / "v", key=key))
    assert lack is not None
    assert not lack.is_needed
    assert f"{tmp_path}/v/bin/python -m pip install /path/to/mod_pywsgi" in lack.text


def test_of_another_python(tmp_path: Path) -> None:
    lack = look(venv(tmp_path / "v", "3.13.0"))
    assert lack is not None
    assert lack.is_needed
    assert "has Python 3.13 and no mod_pywsgi. Run: " in lack.text


def test_of_a_python_that_is_too_old(tmp_path: Path) -> None:
    lack = look(venv(tmp_path / "v", "3.8.2"))
    assert lack is not None
    assert lack.is_needed
    assert "3.10 or later" in lack.text


def test_not_there(tmp_path: Path) -> None:
    lack = look(tmp_path / "none")
    assert lack is not None
    assert lack.is_needed
    assert "is not there" in lack.text
    assert f"{tmp_path}/none/bin/python3 -m pip install" in lack.text


def test_prefix_with_several(tmp_path: Path) -> None:
    for version in ("3.9", "3.12"):
        (tmp_path / "lib" / f"python{version}").mkdir(parents=True)
    lack = look(tmp_path)
    assert lack is not None
    assert not lack.is_needed


def test_no_environment_at_all(tmp_path: Path) -> None:
    lack = look(tmp_path)
    assert lack is not None
    assert lack.is_needed
    assert "Python of an unknown version" in lack.text
