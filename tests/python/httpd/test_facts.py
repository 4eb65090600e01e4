"""Finding Apache."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd import facts

VERSION = """Server version: Apache/2.4.{} (Unix)
 -D HTTPD_ROOT="{}"
"""
BUILT_IN = "Compiled in modules:\n  core.c\n  mod_so.c\n  http_core.c\n"


def fake_httpd(
    directory: Path, minor: str = "58", modules: str = "mpm_event authz_core"
) -> dict[str, str]:
    """A prefix with a program and modules, and the environment that leads to it."""
    program = directory / "bin" / "httpd"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        'for word; do case $word in -V) cat <<"E"\n'
        f"{VERSION.format(minor, directory)}E\n"
        ';; -l) cat <<"E"\n'
        f"{BUILT_IN}E\n"
        ";; esac; done\n"
    )
    program.chmod(0o755)
    (directory / "modules").mkdir()
    for name in modules.split():
        (directory / "modules" / f"mod_{name}.so").touch()
    return {"HTTPD": str(program), "PATH": "/usr/bin:/bin"}


def test_found(tmp_path: Path) -> None:
    found = facts.find(fake_httpd(tmp_path))
    assert found.version == (2, 4, 58)
    assert found.modules_directory == tmp_path / "modules"
    assert found.built_in == {"core", "so", "http_core"}
    assert found.available == {"mpm_event", "authz_core"}
    assert found.mpms == ("event",)


def test_too_old(tmp_path: Path) -> None:
    with pytest.raises(HttpdError, match=r"is Apache/2\.4\.40; 2\.4\.41 or newer"):
        facts.find(fake_httpd(tmp_path, minor="40"))


def test_no_mpm(tmp_path: Path) -> None:
    with pytest.raises(HttpdError, match="no processing module"):
        facts.find(fake_httpd(tmp_path, modules="authz_core"))


def test_not_a_program() -> None:
    with pytest.raises(HttpdError, match="HTTPD is set to '/nonexistent'"):
        facts.find({"HTTPD": "/nonexistent"})


def test_not_apache() -> None:
    with pytest.raises(HttpdError, match="is not Apache httpd"):
        facts.find({"HTTPD": "/bin/true"})


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "_PROGRAM_DIRECTORIES", (str(tmp_path),))
    monkeypatch.setattr(facts, "find_apxs", lambda env: None)
    with pytest.raises(HttpdError, match="Apache httpd is not installed") as caught:
        facts.find({"PATH": str(tmp_path)})
    for package in ("apache2-bin", "httpd", "apk add apache2"):
        assert package in caught.value.hint


def test_this_machine() -> None:
    found = facts.find()
    assert found.version >= facts.OLDEST
    assert found.mpms
