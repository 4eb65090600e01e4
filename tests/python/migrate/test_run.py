"""The command on whole configurations. `PYWSGI_WRITE_GOLDEN=1` writes what it says anew."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from mod_pywsgi import cli

HERE = Path(__file__).parent
TREES = HERE / "trees"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed module, and an environment without it."""
    libexec = tmp_path / "libexec"
    libexec.mkdir()
    (libexec / "mod_pywsgi.so").touch()
    monkeypatch.setenv("PYWSGI_LIBEXEC", str(libexec))
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    (tmp_path / "venv" / "pyvenv.cfg").write_text("version = 2.7.18\n")
    return tmp_path


def copy(name: str, place: Path) -> Path:
    """One of trees/, with what no repository holds."""
    root = place / "etc"
    shutil.copytree(TREES / name, root)
    for path in root.rglob("*.conf"):
        path.write_text(path.read_text().replace("@TMP@", str(place)))
    if name == "debian":
        (root / "mods-enabled").mkdir()
        (root / "sites-enabled").mkdir()
        (root / "conf-enabled").mkdir()
        (root / "mods-enabled" / "wsgi.load").symlink_to("../mods-available/wsgi.load")
        (root / "mods-enabled" / "wsgi.conf").symlink_to("../mods-available/wsgi.conf")
        (root / "magic").write_bytes(b"\0\1\2")
    if name == "redhat":
        (root / "modules").symlink_to("/usr/lib")
    return root


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["migrate", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def check(name: str, shown: str, place: Path) -> None:
    shown = shown.replace(str(place), "@TMP@").replace(f"of {sys.base_prefix} ", "of @PREFIX@ ")
    shown = shown.replace(f"Python {VERSION}", "Python @VERSION@")
    golden = HERE / "golden" / f"{name}.txt"
    if os.environ.get("PYWSGI_WRITE_GOLDEN"):
        golden.write_text(shown)
    assert shown == golden.read_text()


@pytest.mark.parametrize("name", ["debian", "redhat", "hard"])
def test_report(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    root = copy(name, place)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert run(str(root)) == 1
    check(name, capsys.readouterr().out, place)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["debian", "redhat", "hard"])
def test_write(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What is left to do is the same the second time, and nothing is changed then."""
    root = copy(name, place)
    assert run(str(root), "--write") == 1
    check(f"{name}-write", capsys.readouterr().out, place)
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert run(str(root), "--write") == 1
    again = capsys.readouterr().out
    assert "written" not in again
    assert " change: " not in again
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == after


def test_links_stay_links(place: Path) -> None:
    root = copy("debian", place)
    run(str(root), "--write")
    link = root / "mods-enabled" / "wsgi.load"
    assert link.is_symlink()
    assert link.read_text() == f'LoadModule wsgi_module "{place}/libexec/mod_pywsgi.so"\n'
    assert not list((root / "mods-enabled").glob("*before*"))


def test_a_file_by_a_link(place: Path) -> None:
    """The file is changed, not the link, and what was there is kept beside the file."""
    root = copy("debian", place)
    link = root / "mods-enabled" / "wsgi.load"
    assert run(str(link), "--write") == 0
    assert link.is_symlink()
    kept = root / "mods-available" / "wsgi.load.before-mod_pywsgi"
    assert "mod_wsgi.so" in kept.read_text()


def test_nothing_to_do(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "a.conf"
    path.write_text("Listen 80\n")
    assert run(str(path)) == 0
    assert capsys.readouterr().out == "1 file read. Nothing to do.\n"
    assert run(str(path), "--write") == 0
    assert capsys.readouterr().out == "1 file read. Nothing to do.\n"


def test_done(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "a.conf"
    path.write_text("LoadModule wsgi_module mod_wsgi.so\nWSGIPythonHome ${HOME}\n")
    assert run(str(path)) == 1
    assert "1 line to change: --write changes them" in capsys.readouterr().out
    assert run(str(path), "--write") == 0
    assert "1 line changed in 1 file. Next: apachectl configtest." in capsys.readouterr().out
    assert run(str(path)) == 0


@pytest.mark.parametrize(
    "include", ["Include conf.d", "IncludeOptional conf.d/*", "Include *.d/*.b*"]
)
def test_a_backup_that_would_be_included_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], include: str
) -> None:
    root = place / "etc"
    (root / "conf.d").mkdir(parents=True)
    (root / "httpd.conf").write_text(f"{include}\nWSGIPythonHome ${{HOME}}\n")
    (root / "conf.d" / "a.conf").write_text("LoadModule wsgi_module mod_wsgi.so\n")
    assert run(str(root), "--write") == 1
    shown = capsys.readouterr().out
    assert f"httpd.conf:1: to do: includes {root}/conf.d/a.conf.before-mod_pywsgi too" in shown
    assert "1 thing to do by hand" in shown


def test_module_that_is_not_installed(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mod_pywsgi import artifacts
    from mod_pywsgi.errors import HttpdError

    def nothing() -> artifacts.Artifacts:
        raise HttpdError("none")

    monkeypatch.setattr(artifacts, "find", nothing)
    path = place / "a.conf"
    path.write_text("LoadModule wsgi_module mod_wsgi.so\n")
    assert run(str(path), "--write") == 1
    assert "is not installed" in capsys.readouterr().out
    assert path.read_text() == "LoadModule wsgi_module mod_wsgi.so\n"


def test_our_module_at_a_path_that_is_not_there(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "a.conf"
    path.write_text("LoadModule wsgi_module /none/mod_pywsgi.so\n")
    assert run(str(path)) == 1
    assert "/none/mod_pywsgi.so is not there" in capsys.readouterr().out


def test_both_names_of_the_module(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Apache would refuse them together, whichever file each names."""
    path = place / "a.conf"
    path.write_text(
        "LoadModule pywsgi_module modules/mod_pywsgi.so\nLoadModule wsgi_module mod_wsgi.so\n"
    )
    assert run(str(path), "--write") == 1
    assert "a.conf:2: to do: the module is loaded as pywsgi_module too" in capsys.readouterr().out
    assert "mod_wsgi.so" in path.read_text()


@pytest.mark.parametrize("words", [[], ["/no/such/file"], ["a", "b"], ["--wrong", "/"]])
def test_usage(words: list[str]) -> None:
    assert run(*words) == 2


def test_a_file_that_cannot_be_changed(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = place / "a.conf"
    path.write_text("LoadModule wsgi_module mod_wsgi.so\n")
    monkeypatch.setattr(os, "replace", fail)
    assert run(str(path), "--write") == 2
    assert "cannot be changed: Permission denied" in capsys.readouterr().err


def test_parameters_of_macros_are_not_taken_for_values(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "a.conf"
    path.write_text(
        "<Macro Host $name $threads @home>\n"
        "WSGIDaemonProcess $name threads=$threads umask=007@home home=@home display-name=%{GROUP}\n"
        "</Macro>\nWSGIDaemonProcess x threads=$other\n"
    )
    assert run(str(path)) == 1
    shown = capsys.readouterr().out
    for name in ("threads", "umask", "home"):
        assert f"a.conf:2: note: {name}= is a variable" in shown
    assert "a.conf:4: to do: threads=$other is not a number" in shown
    assert shown.count("to do:") == 1


def test_a_locale_that_is_not_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Apache would not start."""
    path = place / "a.conf"
    path.write_text("WSGIDaemonProcess a lang=C locale=xx_NONE.UTF-8\n")
    assert run(str(path)) == 1
    shown = capsys.readouterr().out
    assert "a.conf:1: to do: locale=xx_NONE.UTF-8: this system has no such locale" in shown
    assert "lang=" not in shown
