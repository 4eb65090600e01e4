"""Finding the application."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi.discover import Request, find
from mod_pywsgi.errors import ApplicationError

HELLO = "def application(environ, start_response): pass\n"
MANAGE = """
import os
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
"""


def write(directory: Path, **files: str) -> None:
    """Files by name: ``__`` stands for a slash, and ``.py`` is added."""
    for name, text in files.items():
        name = name.replace("____init__", "/@").replace("__", "/").replace("@", "__init__")
        path = directory / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def request(entry: object, kind: str = "script", name: str | None = None, *places: Path) -> Request:
    return Request(kind, str(entry), name, tuple(map(str, places)))


def test_script(tmp_path: Path) -> None:
    write(tmp_path, hello=HELLO)
    target = find(request(tmp_path / "hello.py"))
    assert (target.kind, target.name) == ("script", str(tmp_path / "hello.py"))
    assert target.callable_name == "application"
    assert target.remark == ""


def test_script_with_any_ending(tmp_path: Path) -> None:
    (tmp_path / "site.wsgi").write_text(HELLO)
    assert find(request(tmp_path / "site.wsgi")).callable_name == "application"


def test_other_callable_is_mentioned(tmp_path: Path) -> None:
    write(tmp_path, hello="app = 1")
    assert find(request(tmp_path / "hello.py")).remark == "serving app of hello.py"
    write(tmp_path, hello="def create_app(): pass")
    target = find(request(tmp_path / "hello.py"))
    assert target.is_factory
    assert target.remark == "serving create_app() of hello.py"


def test_missing_script(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match=r"There is no file or directory .*nothing\.py"):
        find(request(tmp_path / "nothing.py"))


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match=f"{tmp_path}/no does not exist"):
        find(request(tmp_path / "no" / "such" / "app.py"))


def test_module_given_as_script() -> None:
    with pytest.raises(ApplicationError) as caught:
        find(request("mysite.wsgi_app"))
    assert "--application-type module" in caught.value.hint


# Modules


def test_module(tmp_path: Path) -> None:
    write(tmp_path, mysite____init__="raise SystemExit('imported')", mysite__wsgi=HELLO)
    target = find(request("mysite.wsgi", "module", None, tmp_path))
    assert (target.kind, target.name) == ("module", "mysite.wsgi")
    assert target.file == str(tmp_path / "mysite" / "wsgi.py")


def test_module_in_namespace_package(tmp_path: Path) -> None:
    write(tmp_path, space__wsgi=HELLO)
    assert find(request("space.wsgi", "module", None, tmp_path)).file


def test_module_with_colon(tmp_path: Path) -> None:
    write(tmp_path, service="site = 1")
    target = find(request("service:site", "script", None, tmp_path))
    assert (target.kind, target.name, target.callable_name) == ("module", "service", "site")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "There is no module 'absent'"),
        ("package.absent", "There is no module 'package.absent'"),
        ("single.absent", "single is not a package"),
        ("a-b", "not the name of a module"),
        ("single", "defines neither"),
    ],
)
def test_module_errors(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path, package____init__="", single="")
    with pytest.raises(ApplicationError, match=message):
        find(request(name, "module", None, tmp_path))


# Directories


@pytest.mark.parametrize("name", ["wsgi", "app", "main"])
def test_directory(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: "app = 1"})
    target = find(request(tmp_path))
    assert target.name == str(tmp_path / f"{name}.py")
    assert target.directory == str(tmp_path)
    assert target.remark == f"found app in {tmp_path / name}.py"


def test_directory_prefers_wsgi(tmp_path: Path) -> None:
    write(tmp_path, wsgi=HELLO, app="app = 1", main="app = 1")
    assert find(request(tmp_path)).name.endswith("wsgi.py")


def test_directory_skips_files_without_callable(tmp_path: Path) -> None:
    write(tmp_path, app="x = 1", main="app = 1")
    assert find(request(tmp_path)).name.endswith("main.py")


def test_empty_directory_says_what_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path, app="x = 1")
    with pytest.raises(ApplicationError, match="No application was found") as caught:
        find(request(tmp_path))
    for word in (
        "manage.py: there is none",
        "wsgi.py: there is none",
        "defines neither",
        "main.py",
    ):
        assert word in caught.value.hint


# Django


def test_django(tmp_path: Path) -> None:
    write(
        tmp_path,
        manage=MANAGE.format("config.settings"),
        config__settings="WSGI_APPLICATION = 'config.web.site'",
        config__web="site = 1",
        app="app = 1",
    )
    target = find(request(tmp_path))
    assert target.name == str(tmp_path / "config" / "web.py")
    assert target.callable_name == "site"
    assert target.directory == str(tmp_path)
    assert "Django" in target.remark


@pytest.mark.parametrize("settings_file", ["config__settings__base", "config__settings____init__"])
def test_django_with_split_settings(tmp_path: Path, settings_file: str) -> None:
    files = {"config__settings__local": "from .base import *"}
    files[settings_file] = "WSGI_APPLICATION = 'deploy.server.application'"
    write(tmp_path, manage=MANAGE.format("config.settings.local"), deploy__server=HELLO, **files)
    assert find(request(tmp_path)).name == str(tmp_path / "deploy" / "server.py")


def test_django_without_the_setting(tmp_path: Path) -> None:
    write(tmp_path, manage=MANAGE.format("site.settings"), site__settings="", site__wsgi=HELLO)
    assert find(request(tmp_path)).name == str(tmp_path / "site" / "wsgi.py")


def test_django_with_assignment(tmp_path: Path) -> None:
    manage = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site.settings'"
    write(tmp_path, manage=manage, site__wsgi=HELLO)
    assert find(request(tmp_path)).name == str(tmp_path / "site" / "wsgi.py")


def test_django_without_wsgi_file(tmp_path: Path) -> None:
    write(tmp_path, manage=MANAGE.format("site.settings"), site__settings="")
    with pytest.raises(ApplicationError) as caught:
        find(request(tmp_path))
    assert "settings site.settings but no WSGI file (looked for site/wsgi.py" in caught.value.hint


def test_manage_without_settings_is_no_django(tmp_path: Path) -> None:
    write(tmp_path, manage="print('hello')", app="app = 1")
    assert find(request(tmp_path)).name.endswith("app.py")
