"""The way from options to a server root, with the real machine and a stand-in for the daemon."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from mod_pywsgi import access, artifacts, launch, preflight
from mod_pywsgi.errors import ApplicationError, ConfigError
from mod_pywsgi.plan import Plan

from .conftest import settings_of


@pytest.fixture
def site(open_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an application, and artifacts that do nothing."""
    libexec = open_tmp / "libexec"
    libexec.mkdir()
    version = artifacts.python_facts().version
    for name in (artifacts.MODULE, artifacts.EMBED, artifacts.DAEMON):
        (libexec / name).write_text(f"#!/bin/sh\necho 'pywsgi-daemon (Python {version})'\n")
        (libexec / name).chmod(0o755)
    monkeypatch.setenv(artifacts.VARIABLE, str(libexec))
    monkeypatch.setattr(preflight, "check_configuration", lambda _: None)
    monkeypatch.setattr(access, "require_readable", lambda *_: None)
    directory = open_tmp / "site"
    directory.mkdir()
    (directory / "app.py").write_text("app = 1\n")
    monkeypatch.chdir(directory)
    return directory


def prepare(site: Path, argument: str | None, *words: str) -> Plan:
    return launch.prepare(settings_of("--server-root", str(site.parent / "root"), *words), argument)


def test_current_directory_is_searched(site: Path) -> None:
    made = prepare(site, None)
    assert made.application.script == site / "app.py"
    assert made.application.callable_name == "app"
    root = made.paths.root
    names = {path.name for path in root.iterdir()}
    assert names == {
        *(".mod_pywsgi", "apachectl", "envvars", "htdocs", "httpd.conf", "python-eggs", "run"),
        "rewrite.conf",
    }


def test_handler_is_written(site: Path) -> None:
    made = prepare(site, "app", "--application-type", "module")
    assert "kind='module',\n    name='app'" in made.paths.handler.read_text()


def test_entry_point_wins(site: Path) -> None:
    made = prepare(site, "absent.py", "--entry-point", "app.py")
    assert made.application.script == site / "app.py"


def test_nothing_is_written_for_an_application_without_callable(site: Path) -> None:
    (site / "app.py").write_text("x = 1\n")
    with pytest.raises(ApplicationError):
        prepare(site, "app.py")
    assert not (site.parent / "root").exists()


def test_unreadable_include_file(site: Path) -> None:
    with pytest.raises(ConfigError, match=r"--include-file .* cannot be read"):
        prepare(site, "app.py", "--include-file", "absent.conf")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_owner_of_the_application(site: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(site / "app.py", nobody.pw_uid, nobody.pw_gid)
    made = prepare(site, "app.py")
    assert made.identity.user == "nobody"
    assert any("runs as nobody" in remark for remark in made.remarks)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_root_does_not_read_what_the_user_cannot(site: Path) -> None:
    (site / "app.py").chmod(0o600)
    with pytest.raises(ApplicationError, match=r"app\.py may not be read"):
        prepare(site, "app.py")


def test_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "xx_YY.UTF-8")
    assert launch._utf8_locale() in ("C.UTF-8", "")
    monkeypatch.setenv("LANG", "C")
    assert launch._utf8_locale() in ("C.UTF-8", "")


def test_streams_that_apache_cannot_open(tmp_path: Path) -> None:
    assert launch._openable("/nonexistent", "instead") == "instead"
    assert launch._openable("/dev/null", "instead") == "/dev/null"
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert launch._openable(str(tmp_path / "s"), "instead") == "instead"
