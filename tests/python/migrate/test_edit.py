"""Changing files: whole or not at all, and never without keeping what was there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.migrate import edit, reader
from mod_pywsgi.migrate.rules import Finding, Kind
from mod_pywsgi.migrate.tree import File

NEW = "LoadModule wsgi_module /new.so"


def findings(path: Path, text: str) -> list[Finding]:
    """A change for every LoadModule line."""
    return [
        Finding(Kind.CHANGE, line, "x", NEW)
        for line in reader.read(path, text)
        if line.name == "LoadModule"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LoadModule a b\n", f"{NEW}\n"),
        ("LoadModule a b", NEW),
        ("  LoadModule a b\r\nx\r\n", f"  {NEW}\r\nx\r\n"),
        ("x\nLoadModule a \\\n  b\ny", f"x\n{NEW}\ny"),
        ("LoadModule a b\nx\nLoadModule \\\nc d\nLoadModule e f\n", f"{NEW}\nx\n{NEW}\n{NEW}\n"),
        ("LoadModule a \\", NEW),
        ("nothing\n", "nothing\n"),
    ],
)
def test_changed(text: str, expected: str) -> None:
    assert edit.changed(text, findings(Path("x"), text)) == expected


@pytest.fixture
def conf(tmp_path: Path) -> File:
    path = tmp_path / "wsgi.load"
    path.write_bytes(b"# \xe4\nLoadModule a b\n")
    path.chmod(0o640)
    return File(path, path.read_bytes())


def change(file: File) -> Path:
    return edit.write(file, findings(file.path, file.text))


def test_write(conf: File) -> None:
    backup = change(conf)
    assert conf.path.read_bytes() == f"# \udce4\n{NEW}\n".encode("utf-8", "surrogateescape")
    assert backup.name == "wsgi.load.before-mod_pywsgi"
    assert backup.read_bytes() == conf.data
    for path in (conf.path, backup):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(conf.path.parent)) == ["wsgi.load", "wsgi.load.before-mod_pywsgi"]


def test_no_backup_is_written_over(conf: File) -> None:
    first = conf.path.with_name("wsgi.load.before-mod_pywsgi")
    first.write_text("precious")
    second = conf.path.with_name("wsgi.load.before-mod_pywsgi.1")
    second.symlink_to("nowhere")
    assert change(conf).name == "wsgi.load.before-mod_pywsgi.2"
    assert first.read_text() == "precious"
    assert second.is_symlink()


def test_a_file_that_changed_meanwhile(conf: File) -> None:
    conf.path.write_text("of somebody else")
    with pytest.raises(ConfigError, match="changed by somebody else"):
        change(conf)
    assert conf.path.read_text() == "of somebody else"
    assert os.listdir(conf.path.parent) == ["wsgi.load"]


def test_nothing_is_left_of_a_failure(conf: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError, match="No space left"):
        change(conf)
    assert conf.path.read_bytes() == conf.data
    assert os.listdir(conf.path.parent) == ["wsgi.load"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owner_stays(conf: File) -> None:
    os.chown(conf.path, 1, 2)
    backup = change(conf)
    for path in (conf.path, backup):
        assert (path.stat().st_uid, path.stat().st_gid) == (1, 2)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
