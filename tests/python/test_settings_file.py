"""Settings files: found where they are said to be, read only if nobody else could have written them."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mod_pywsgi import options as opt
from mod_pywsgi import settings_file
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import OPTIONS
from mod_pywsgi.settings import Settings, resolve
from mod_pywsgi.settings_file import find, read_file, require_own

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11) and importlib.util.find_spec("tomli") is None,
    reason="Python 3.10 without tomli",
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
SOMEBODY = 4711

pytestmark = needs_toml


@pytest.fixture
def place(open_tmp: Path) -> Path:
    """A directory that only this user can write."""
    return open_tmp


def written(path: Path, text: str = "port = 9000\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
    return path


def read(path: Path, text: str) -> Settings:
    return resolve(file=read_file(written(path, text)), file_name=str(path))


# What it says


def test_values(place: Path) -> None:
    settings = read(
        place / "settings.toml",
        """
        port = 9000
        embedded-mode = true
        python_path = ["/a", "/b"]
        url_alias = [["/static", "/srv/static"]]
        include_file = "/etc/more.conf"

        [setenv]
        DEBUG = 1
        COLOUR = "a = b"
        ON = true
        """,
    )
    assert settings[opt.LISTEN_PORT] == 9000
    assert settings[opt.EMBEDDED_MODE] is True
    assert settings[opt.PYTHON_PATH] == (Path("/a"), Path("/b"))
    assert settings[opt.URL_ALIAS] == (("/static", Path("/srv/static")),)
    assert settings[opt.INCLUDE_FILE] == (Path("/etc/more.conf"),)
    assert settings[opt.SETENV] == (("DEBUG", "1"), ("COLOUR", "a = b"), ("ON", "on"))
    assert settings.file == str(place / "settings.toml")


def test_relative_paths_are_relative_to_the_file(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    written(place / "app.py", "")
    settings = read(
        place / "pywsgi.toml",
        """
        entry_point = "app.py"
        python_path = ["lib", "../more", "~/own"]
        url_alias = { "/static" = "static" }
        """,
    )
    assert settings[opt.ENTRY_POINT] == str(place / "app.py")
    assert settings[opt.PYTHON_PATH] == (
        place / "lib",
        place.parent / "more",
        Path("~/own").expanduser(),
    )
    assert settings[opt.URL_ALIAS] == (("/static", place / "static"),)


@pytest.mark.parametrize(
    ("entry", "is_path"),
    [("mysite.wsgi", False), ("mysite.wsgi:app", False), ("missing.py", True), ("..", True)],
)
def test_entry_points_that_are_modules_stay_names(place: Path, entry: str, is_path: bool) -> None:
    settings = read(place / "pywsgi.toml", f"entry_point = '{entry}'")
    expected = os.path.normpath(place / entry) if is_path else entry
    assert settings[opt.ENTRY_POINT] == expected


def test_what_is_a_path_is_known() -> None:
    """A path parses to an absolute one; the words that do are those said to be paths."""
    for option in OPTIONS:
        words = tuple("word" for _ in option.metavar)
        try:
            value: Any = option.load([words])
        except ValueError:
            continue
        if option.repeats:
            (value,) = value
        parts = value if isinstance(value, tuple) else (value,)
        if len(parts) == len(option.paths):
            assert [isinstance(part, Path) for part in parts] == list(option.paths), option.name


def test_the_table_of_a_project(place: Path) -> None:
    settings = read(
        place / "pyproject.toml",
        "[project]\nname = 'x'\n[tool.mod_pywsgi]\nport = 9001\n[tool.mod_pywsgi.setenv]\nA = 'b'\n",
    )
    assert settings[opt.LISTEN_PORT] == 9001
    assert settings[opt.SETENV] == (("A", "b"),)
    with pytest.raises(ConfigError, match=r"has no table \[tool.mod_pywsgi\]"):
        read_file(written(place / "pyproject.toml", "[project]\nname = 'x'\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = ", "Cannot read the settings file"),
        ("port = 'x'", "port in .* must be a whole number"),
        ("treads = 1", r"treads in .* is not an option of mod_pywsgi.\n +Did you mean threads\?"),
        ("limit_request_bod = 1", "Did you mean limit_request_body"),
        ("url_alias = [['/a']]", "url_alias in .* needs URL-PATH and PATH"),
        ("url_alias = ['/a', '/b']", "url_alias in .* needs URL-PATH and PATH"),
        ("port = [1, 2]", "port in .* needs PORT"),
        ("embedded_mode = [true, true]", "embedded_mode in .* needs true or false"),
        ("port = { a = 1 }", "port in .* must be text, a number, true or false, not a table"),
        ("setenv = { A = ['b'] }", "setenv in .* not an array"),
        ("host = 2026-01-01", "not a date or time"),
        ("server_name = 'a'\nserver-name = 'b'", "server_name is in .* twice"),
    ],
)
def test_errors(place: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(place / "settings.toml", text)


def test_a_file_that_is_missing_or_no_text(place: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_file(place / "missing.toml")
    (place / "binary.toml").write_bytes(b"port = '\xff'")
    with pytest.raises(ConfigError, match="Cannot read the settings file"):
        read_file(place / "binary.toml")


def test_without_tomllib_tomli_reads_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def import_module(name: str) -> Any:
        asked.append(name)
        if name == "tomllib":
            raise ImportError(name)
        return SimpleNamespace(loads=lambda text: {"port": len(text)})

    monkeypatch.setattr(settings_file.importlib, "import_module", import_module)
    assert read_file(written(place / "s.toml", "12345"))["port"] == [("5",)]
    assert asked == ["tomllib", "tomli"]


# Which one is found


def test_the_application_s_directory_comes_first(place: Path) -> None:
    here = written(place / "here" / "pywsgi.toml")
    there = written(place / "app" / "pywsgi.toml")
    application = written(place / "app" / "app.py")
    for entry in (str(application), str(application.parent)):
        assert find(entry, here.parent) == there
    for entry_or_none in (None, "mysite.wsgi", str(place / "missing.py")):
        assert find(entry_or_none, here.parent) == here
    there.unlink()
    assert find(str(application), here.parent) == here
    here.unlink()
    assert find(str(application), here.parent) is None


def test_its_own_file_comes_before_the_project_s(place: Path) -> None:
    project = written(place / "pyproject.toml", "[project]\ndependencies = ['mod_pywsgi']\n")
    assert find(None, place) is None
    for header in ("[tool.mod_pywsgi]", '[ tool . "mod_pywsgi" ]', "[tool.mod_pywsgi.setenv]"):
        written(project, f"[project]\n{header}\n")
        assert find(None, place) == project
    own = written(place / "pywsgi.toml")
    assert find(None, place) == own


def test_directories_above_are_not_searched(place: Path) -> None:
    written(place / "pywsgi.toml")
    (place / "app").mkdir()
    assert find(str(place / "app"), place / "app") is None


# Whose it is


@pytest.fixture
def file(place: Path) -> Iterator[Path]:
    yield written(place / "app" / "pywsgi.toml")


def test_nobody_else_could_have_written_it(file: Path) -> None:
    require_own(file)
    link = file.parent.parent / "link.toml"
    link.symlink_to("app/../app/pywsgi.toml")
    require_own(link)


@pytest.mark.parametrize("weak", [".", ".."])
def test_every_user_can_write_the_file_or_its_directory(file: Path, weak: str) -> None:
    place = file if weak == "." else file.parent
    place.chmod(0o777)
    with pytest.raises(ConfigError, match="can be written by every user") as caught:
        find(str(file.parent), Path("/"))
    assert "--no-config" in caught.value.hint
    assert f"--config {file}" in caught.value.hint
    if place != file:
        place.chmod(0o1777)  # as /tmp: others cannot replace the file
        require_own(file)


@needs_root
@pytest.mark.parametrize("given", ["file", "directory"])
def test_it_belongs_to_somebody_else(file: Path, given: str) -> None:
    place = file if given == "file" else file.parent
    os.chown(place, SOMEBODY, -1)
    with pytest.raises(ConfigError, match=f"belongs to the user {SOMEBODY}"):
        find(str(file.parent), Path("/"))


@needs_root
def test_who_wrote_the_application_may_have_written_its_settings(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for root, who runs the application as somebody else; nor for another application."""
    application = written(file.parent / "app.py", "")
    for path in (file.parent, file, application):
        os.chown(path, SOMEBODY, SOMEBODY)
        path.chmod(0o775)
    for entry in (str(application), str(file.parent)):
        with pytest.raises(ConfigError, match="belongs to"):
            find(entry, Path("/"))
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY + 1)
    for entry in (str(application), str(file.parent)):
        assert find(entry, Path("/")) == file
    for other in (None, "/usr"):
        with pytest.raises(ConfigError, match="belongs to"):
            find(other, file.parent)
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="every user"):
        find(str(application), Path("/"))


@needs_root
def test_another_group_can_write_it(file: Path) -> None:
    os.chown(file, -1, SOMEBODY)
    require_own(file)
    file.chmod(0o664)
    with pytest.raises(ConfigError, match=f"can be written by the group {SOMEBODY}"):
        require_own(file)


@needs_root
def test_a_link_on_the_way_belongs_to_somebody_else(file: Path) -> None:
    """Who owns the directory of a link decides where it leads, wherever that is now."""
    theirs = file.parent.parent / "theirs"
    theirs.mkdir()
    (theirs / "pywsgi.toml").symlink_to(file)
    (file.parent.parent / "chain.toml").symlink_to(theirs / "pywsgi.toml")
    os.chown(theirs, SOMEBODY, SOMEBODY)
    for path in (theirs / "pywsgi.toml", file.parent.parent / "chain.toml"):
        with pytest.raises(ConfigError, match="belongs to"):
            require_own(path)


@needs_root
def test_a_project_of_somebody_else_without_the_table_is_no_matter(file: Path) -> None:
    file.unlink()
    project = written(file.parent / "pyproject.toml", "[project]\n")
    os.chown(file.parent, SOMEBODY, SOMEBODY)
    os.chown(project, SOMEBODY, SOMEBODY)
    assert find(None, file.parent) is None
    written(project, "[tool.mod_pywsgi]\n")
    with pytest.raises(ConfigError, match="belongs to"):
        find(None, file.parent)


@needs_root
def test_what_somebody_else_owns_is_searched_and_not_parsed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.unlink()
    os.mkfifo(file.parent / "pyproject.toml")  # reading it would wait for ever
    monkeypatch.setattr(builtins, "open", None)
    assert find(None, file.parent) is None
