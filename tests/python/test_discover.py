"""Finding the application."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi.discover import Request, find, flask
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


# Flask


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        ("hello", "hello.py", "app"),
        ("hello.py", "hello.py", "app"),
        ("hello:other", "hello.py", "other"),
        ("hello.py:make('x', debug=True)", "hello.py", "make('x', debug=True)"),
        ("src/inner.py:app", "src/inner.py", "app"),
        ("pack", "pack", "create_app()"),
        ("pack.web:site", "pack.web", "site"),
    ],
)
@pytest.mark.parametrize("way", ["environment", "file"])
def test_flask_app(tmp_path: Path, value: str, name: str, shown: str, way: str) -> None:
    write(
        tmp_path,
        hello="app = other = 1\ndef make(name, debug): pass",
        src__inner="app = 1",
        pack____init__="def create_app(): pass",
        pack__web="site = 1",
        wsgi="application = 1",
    )
    if way == "file":
        (tmp_path / ".flaskenv").write_text(
            f"# of flask\nFLASK_DEBUG=1\nexport FLASK_APP = {value}\n"
        )
    flask_app = value if way == "environment" else ""
    target = find(Request("script", str(tmp_path), None, (), flask_app))
    assert target.name == (str(tmp_path / name) if name.endswith(".py") else name)
    assert target.shown == shown
    assert target.directory == str(tmp_path)
    assert "FLASK_APP" in target.remark


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("FLASK_APP=a", "a"),
        ("FLASK_APP = 'a b'  # c", "a b"),
        ('FLASK_APP="a"', "a"),
        ("FLASK_APP=a # comment", "a"),
        ("#FLASK_APP=a", ""),
        ("MY_FLASK_APP=a", ""),
    ],
)
def test_flaskenv(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".flaskenv").write_text(f"{line}\n")
    assert flask.setting(tmp_path, "")[0] == value
    assert flask.setting(tmp_path, "given")[0] == "given"


@pytest.mark.parametrize("value", ["absent", "hello:no such", "hello:make(x)", "hello:absent"])
def test_flask_app_that_is_wrong(tmp_path: Path, value: str) -> None:
    """It is said, and the other names are tried."""
    write(tmp_path, hello="def make(x): pass", wsgi=HELLO)
    target = find(Request("script", str(tmp_path), None, (), value))
    assert target.name == str(tmp_path / "wsgi.py")
    write(tmp_path, wsgi="")
    with pytest.raises(ApplicationError) as caught:
        find(Request("script", str(tmp_path), None, (), value))
    assert "the variable FLASK_APP: " in caught.value.hint


# Packages


def test_package(tmp_path: Path) -> None:
    write(tmp_path, tests____init__="app = 1", flaskr____init__="def create_app(c=None): pass")
    target = find(request(tmp_path))
    assert (target.kind, target.name, target.shown) == ("module", "flaskr", "create_app()")
    write(tmp_path, other____init__="app = 1")
    with pytest.raises(ApplicationError) as caught:
        find(request(tmp_path))
    assert "there are several: flaskr, other" in caught.value.hint


def test_call_on_the_command_line(tmp_path: Path) -> None:
    write(tmp_path, service="def make(name): pass")
    target = find(request("service:make('x')", "script", None, tmp_path))
    assert (target.name, target.is_factory, target.arguments) == ("service", True, ("x",))
    assert find(request("service:make('y')", "module", None, tmp_path)).arguments == ("y",)
    with pytest.raises(ApplicationError, match="defines no 'absent'"):
        find(request("service:absent()", "script", None, tmp_path))


# PasteDeploy


PASTE = "[app:main]\nuse = call:site:make\n[pipeline: other]\npipeline = main\n[server:main]\n"
PYRAMID = "def main(global_config, **settings): pass"


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A directory in which PasteDeploy seems to be installed."""
    place = tmp_path.parent / f"{tmp_path.name}-lib"
    write(place, paste__deploy="")
    return place


def test_paste(tmp_path: Path, deploy: Path) -> None:
    file = tmp_path / "site.ini"
    file.write_text(PASTE)
    target = find(request(file, "paste", None, deploy))
    assert (target.kind, target.name, target.file) == ("paste", f"{file}#main", str(file))
    target = find(request(f"config:{file}#other", "paste", None, deploy))
    assert target.name == f"{file}#other"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[server:main]", "describes no application 'main'", ""),
        ("[app:shop]", "describes no application 'main'", "site.ini#shop"),
        ("hello", "is not an ini file", ""),
    ],
)
def test_paste_errors(tmp_path: Path, deploy: Path, text: str, message: str, hint: str) -> None:
    (tmp_path / "site.ini").write_text(text)
    with pytest.raises(ApplicationError, match=message) as caught:
        find(request(tmp_path / "site.ini", "paste", None, deploy))
    assert hint in caught.value.hint


def test_paste_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "site.ini").write_text(PASTE)
    with pytest.raises(ApplicationError, match="not installed") as caught:
        find(request(tmp_path / "site.ini", "paste", None, tmp_path))
    assert "pip install 'mod_pywsgi[paste]'" in caught.value.hint


def test_paste_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match="is a directory"):
        find(request(tmp_path, "paste"))
    with pytest.raises(ApplicationError, match="There is no file"):
        find(request(tmp_path / "absent.ini", "paste"))


def test_pyramid_project(tmp_path: Path, deploy: Path) -> None:
    write(tmp_path, shop____init__=PYRAMID)
    target = find(request(tmp_path))
    assert (target.name, target.shown) == ("shop", "main({})")
    for name in ("development.ini", "production.ini"):
        (tmp_path / name).write_text(PASTE)
        target = find(request(tmp_path, "script", None, deploy))
        assert target.name == f"{tmp_path}/{name}#main"
        assert target.directory == str(tmp_path)


def test_ini_files_of_others_are_passed_over(tmp_path: Path, deploy: Path) -> None:
    (tmp_path / "production.ini").write_text("[database]\nuser = x\n")
    write(tmp_path, app="app = 1")
    assert find(request(tmp_path, "script", None, deploy)).name == str(tmp_path / "app.py")


# Files alone, and nothing


def test_static(tmp_path: Path) -> None:
    target = find(request(tmp_path, "static"))
    assert (target.kind, target.name, target.callable_name) == ("static", str(tmp_path), "")
    (tmp_path / "page.html").touch()
    with pytest.raises(ApplicationError, match="is not a directory"):
        find(request(tmp_path / "page.html", "static"))


def test_nothing_where_that_is_an_answer(tmp_path: Path) -> None:
    asked = Request("script", str(tmp_path), None, (), may_be_missing=True)
    target = find(asked)
    assert (target.kind, target.directory) == ("welcome", str(tmp_path))
    assert "manage.py: there is none" in target.looked
    write(tmp_path, app="x = 1")
    with pytest.raises(ApplicationError, match="No application was found"):
        find(asked)
