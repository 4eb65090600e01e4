"""What can be served: scripts, modules, ini files, files alone; how each framework is found."""

from __future__ import annotations

import os

import pytest

from support import procs, wait
from support.express import Express

pytestmark = pytest.mark.no_asan

FLASK = """
from flask import Flask

{name} = Flask(__name__)

@{name}.get("/")
def index():
    return "flask"
"""
FLASK_FACTORY = """
from flask import Flask

def create_app(word="factory"):
    app = Flask(__name__)
    app.get("/")(lambda: word)
    return app

if __name__ == "__main__":
    app = create_app()
    app.run()
"""
FALCON = """
import falcon

class Index:
    def on_get(self, request, response):
        response.text = "falcon"

api = falcon.App()
api.add_route("/", Index())
"""
BOTTLE = """
import bottle

site = bottle.Bottle()

@site.get("/")
def index():
    return "bottle"
"""
BOTTLE_DEFAULT = """
from bottle import get, run

@get("/")
def index():
    return "bottle"

if __name__ == "__main__":
    run()
"""
PYRAMID = """
from pyramid.config import Configurator
from pyramid.response import Response

def main(global_config, **settings):
    config = Configurator(settings=settings)
    config.add_route("index", "/")
    words = settings.get("words", "pyramid")
    config.add_view(lambda request: Response(words), route_name="index")
    return config.make_wsgi_app()
"""
PYRAMID_SCRIPT = """
from pyramid.config import Configurator
from pyramid.response import Response

with Configurator() as config:
    config.add_route("index", "/")
    config.add_view(lambda request: Response("pyramid script"), route_name="index")
    serve = config.make_wsgi_app()
"""
INI = """
[app:main]
use = call:shop:main
words = %(here)s

[app:other]
use = call:shop:main
words = other

[composite:both]
use = egg:Paste#urlmap

[loggers]
keys = root
[logger_root]
level = INFO
handlers = console
[handlers]
keys = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
[formatters]
keys =
"""
# Dash brings a hundred megabytes; this has of it what a WSGI server meets.
DASH = """
from flask import Flask

class Dash:
    def __init__(self, name):
        self.server = Flask(name)
        self.server.get("/")(lambda: "dash")
"""
DASH_APP = "from dash import Dash\napp = Dash(__name__)\n"

PROJECTS: dict[str, tuple[dict[str, str], str, str]] = {
    "flask": ({"app.py": FLASK.format(name="site")}, "flask", "found a Flask application: site in"),
    "flask factory": ({"app.py": FLASK_FACTORY}, "factory", "found create_app() in"),
    "flask package": (
        {"flaskr/__init__.py": FLASK_FACTORY},
        "factory",
        "found create_app() in the package flaskr",
    ),
    "flaskenv": (
        {
            ".flaskenv": "FLASK_APP=inner.web:create_app('named')\n",
            "inner/web.py": FLASK_FACTORY,
            "app.py": FLASK.format(name="app"),
        },
        "named",
        "found create_app('named') in inner.web by FLASK_APP in .flaskenv",
    ),
    "falcon": ({"main.py": FALCON}, "falcon", "found a Falcon application: api in"),
    "bottle": ({"app.py": BOTTLE}, "bottle", "found a Bottle application: site in"),
    "bottle default": (
        {"app.py": BOTTLE_DEFAULT},
        "bottle",
        "found a Bottle application: bottle.default_app() in",
    ),
    "dash": (
        {"dash.py": DASH, "app.py": DASH_APP + "server = app.server\n"},
        "dash",
        "found a Dash application: server in",
    ),
    "dash without a name": (
        {"dash.py": DASH, "app.py": DASH_APP},
        "dash",
        "found a Dash application: app.server in",
    ),
    "pyramid script": (
        {"app.py": PYRAMID_SCRIPT},
        "pyramid script",
        "found a Pyramid application: serve in",
    ),
    "pyramid factory": (
        {"shop/__init__.py": PYRAMID},
        "pyramid",
        "found main({}) in the package shop",
    ),
}


@pytest.mark.option("entry-point", "callable-object")
@pytest.mark.parametrize("name", PROJECTS)
def test_project(express: Express, name: str) -> None:
    """A directory holds a project as the framework's documentation has it; nothing else is said."""
    files, answer, found = PROJECTS[name]
    for path, text in files.items():
        express.write(path, text)
    express.start()
    assert found in express.output
    assert express.get().text == answer, express.story()
    assert "Traceback" not in express.error_log


def test_flask_app_in_the_environment(express: Express) -> None:
    express.write("odd.py", FLASK.format(name="odd"))
    express.start(env={"FLASK_APP": "odd:odd"})
    assert "by the variable FLASK_APP" in express.output
    assert express.get().text == "flask"


def test_module_and_call(express: Express) -> None:
    """As other servers take it; the module that is touched is loaded anew."""
    module = express.write("inner/web.py", FLASK_FACTORY)
    express.start("inner.web:create_app(word='called')")
    assert express.shown("Application") == "create_app(word='called') in inner.web"
    assert express.get().text == "called"
    module.write_text(FLASK_FACTORY.replace("lambda: word", "lambda: word + ' anew'"))
    wait.until(lambda: express.get().text == "called anew", "the new module")


@pytest.mark.option("application-type")
def test_paste(express: Express) -> None:
    """An ini file, with its logging; another application of it; it is loaded anew when touched."""
    express.write(
        "shop.py",
        "import logging\n"
        + PYRAMID.replace(
            "    words", "    logging.getLogger('shop').info('the shop opens')\n    words"
        ),
    )
    ini = express.write("site.ini", INI)
    express.start("site.ini", "--application-type", "paste", "--log-level", "info")
    assert express.shown("Application") == f"{ini}#main"
    assert express.get().text == str(express.site)
    assert "the shop opens" in express.error_log
    ini.write_text(INI.replace("%(here)s", "changed"))
    wait.until(lambda: express.get().text == "changed", "the new settings")
    express.stop()
    express.start("config:site.ini#other", "--application-type", "paste", "--reload-on-changes")
    assert express.get().text == "other"
    ini.write_text(INI.replace("words = other", "words = saved"))
    wait.until(lambda: express.get().text == "saved", "the new settings")


def test_a_directory_with_an_ini_file(express: Express) -> None:
    """A project of Pyramid, in debug mode too."""
    express.write("shop.py", PYRAMID)
    express.write("production.ini", INI)
    express.start("--debug-mode")
    assert "found a PasteDeploy application" in express.output
    assert express.get().text == str(express.site)


def test_paste_that_cannot_be_served(express: Express) -> None:
    express.write("site.ini", INI)
    refused = express.refused("site.ini#absent", "--application-type", "paste")
    assert refused.returncode == 2
    assert "no application 'absent'" in refused.stderr
    assert "site.ini#other" in refused.stderr
    refused = express.refused("absent.ini", "--application-type", "paste")
    assert "There is no file" in refused.stderr


@pytest.mark.option("application-type", "document-root")
def test_static(express: Express) -> None:
    """Files, and nothing else: no process of Python, nothing hidden, no way out."""
    express.write("public/index.html", "<p>index")
    express.write("public/style.css", "p {}")
    express.write("public/folder/page.html", "<p>page")
    express.write("public/.secret", "hidden")
    express.write("outside.txt", "outside")
    os.symlink(express.site / "public" / "style.css", express.site / "public" / "link.css")
    express.start("public", "--application-type", "static", "--access-log")
    assert express.shown("Operating Mode") == "static files"
    assert express.shown("Application") == f"none: the files in {express.site / 'public'}"
    assert express.get("/").body == b"<p>index"
    style = express.get("/style.css")
    assert (style.body, style.header("content-type")) == (b"p {}", "text/css")
    assert express.get("/link.css").body == b"p {}"
    assert express.get("/folder/page.html").body == b"<p>page"
    assert express.get("/folder").status == 301
    for target, status in (
        ("/folder/", 404),
        ("/.secret", 403),
        ("/absent", 404),
        ("/../outside.txt", 400),
    ):
        assert express.get(target).status == status, target
    assert express.daemons() == []
    assert all(procs.program(pid) != "pywsgi-daemon" for pid in express.family())
    assert not (express.root / "handler.wsgi").exists()
    assert express.stop() == 0
    express.write("public/index.html", "<p>current")
    express.site = express.site / "public"
    express.start("--application-type", "static", "--document-root", str(express.site))
    assert express.get("/").body == b"<p>current"


def test_static_needs_a_directory(express: Express) -> None:
    express.write("page.html", "x")
    refused = express.refused("page.html", "--application-type", "static")
    assert "is not a directory" in refused.stderr


def test_a_server_of_its_own(express: Express) -> None:
    """app.run() outside of the guard would never return."""
    express.write("app.py", FLASK.format(name="app") + "\napp.run()\n")
    refused = express.refused("app.py")
    assert "app.py line 10 starts a server of its own" in refused.stderr
    assert '__name__ == "__main__"' in refused.stderr
