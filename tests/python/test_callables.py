"""Finding the WSGI callable in a source."""

from __future__ import annotations

import pytest

from mod_pywsgi.callables import Callable, choose, read
from mod_pywsgi.errors import ApplicationError


def chosen(source: str, wanted: str | None = None) -> Callable:
    return choose(read(source.encode(), "app.py"), wanted, "app.py")


FOUND = {
    "def application(e, s): pass": Callable("application"),
    "app = Flask(__name__)": Callable("app"),
    "app = 1\napplication = 2": Callable("application"),
    "class application: pass": Callable("application"),
    "from x import application": Callable("application"),
    "from x import wsgi as application": Callable("application"),
    "import application": Callable("application"),
    "app: object = make()": Callable("app"),
    "app, other = make()": Callable("app"),
    "try:\n  import a\n  app = a.app\nexcept ImportError:\n  app = None": Callable("app"),
    "if 1:\n  pass\nelse:\n  application = 1": Callable("application"),
    "with x:\n  application = 1": Callable("application"),
    "def create_app(): pass": Callable("create_app", is_factory=True),
    "def create_app(config=None, *, debug=False): pass": Callable("create_app", is_factory=True),
    "def make_app(): pass": Callable("make_app", is_factory=True),
    "from elsewhere import *": Callable("application"),
    "globals()['application'] = 1": Callable("application"),
    "def __getattr__(name): pass": Callable("application"),
    "app = FastAPI()\napp = wrap(app)": Callable("app"),
    "from flask import Flask\nsite = Flask(__name__)": Callable("site", framework="Flask"),
    "import flask as f\napp = f.Flask(__name__)": Callable("app", framework="Flask"),
    "import falcon\napi = falcon.App()": Callable("api", framework="Falcon"),
    "from falcon import API\napi = API()": Callable("api", framework="Falcon"),
    "import bottle\nsite = bottle.Bottle()": Callable("site", framework="Bottle"),
    "import bottle\napp = bottle.default_app()": Callable("app", framework="Bottle"),
    "from bottle import get, run\n@get('/')\ndef f(): pass": Callable(
        "bottle.default_app", is_factory=True, framework="Bottle"
    ),
    "import bottle\n@bottle.route('/')\ndef f(): pass": Callable(
        "bottle.default_app", is_factory=True, framework="Bottle"
    ),
    "from dash import Dash\napp = Dash()\nserver = app.server": Callable(
        "server", framework="Dash"
    ),
    "import dash\napp = dash.Dash(__name__)": Callable("app.server", framework="Dash"),
    "from dash import Dash\nboard = Dash()": Callable("board.server", framework="Dash"),
    "site = config.make_wsgi_app()": Callable("site", framework="Pyramid"),
    "def main(global_config, **settings): pass": Callable(
        "main", is_factory=True, arguments=({},), framework="Pyramid"
    ),
    "def create_app(): pass\nif __name__ == '__main__':\n  app = create_app()\n  app.run()": Callable(
        "create_app", is_factory=True
    ),
    "app = 1\nif __name__ == '__main__':\n  run()\nelse:\n  application = 1": Callable(
        "application"
    ),
}


@pytest.mark.parametrize("source", FOUND)
def test_found(source: str) -> None:
    assert chosen(source) == FOUND[source]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "app.py defines neither 'application' nor 'app'"),
        ("def f():\n  application = 1", "neither"),
        ("class C:\n  application = 1", "neither"),
        ("def create_app(config): pass", "neither"),
        ("def create_app(): pass\ndef make_app(): pass", "neither"),
        ("async def app(scope, receive, send): pass", "is an ASGI application"),
        ("app = FastAPI()", "is an ASGI application"),
        ("app = starlette.applications.Starlette()", "is an ASGI application"),
        ("def application(:", "app.py line 1: "),
        ("import falcon.asgi\napp = falcon.asgi.App()", "is an ASGI application"),
        ("from falcon import asgi\napp = asgi.App()", "is an ASGI application"),
        ("def main(argv, **more): pass", "neither"),
        ("from flask import Flask\na = Flask('a')\nb = Flask('b')", "neither"),
        (
            "from flask import Flask\napp = Flask('a')\napp.run()",
            "line 3 starts a server of its own",
        ),
        ("import bottle\n@bottle.get('/')\ndef f(): pass\nbottle.run()", "line 4 starts a server"),
        ("from waitress import serve\napp = make()\nserve(app)", "line 3 starts a server"),
        ("if __name__ == '__main__':\n  app = config.make_wsgi_app()", "neither"),
        ("a\0b", "app.py"),
    ],
)
def test_not_found(source: str, message: str) -> None:
    with pytest.raises(ApplicationError, match=message):
        chosen(source)


def test_wanted_name() -> None:
    assert chosen("site = 1", "site") == Callable("site")
    with pytest.raises(ApplicationError, match="defines no 'site'") as caught:
        chosen("x = 1\nmy_app = 2", "site")
    assert "my_app (line 2)" in caught.value.hint


def test_source_that_is_not_text() -> None:
    with pytest.raises(ApplicationError, match=r"app\.py"):
        read(b"\xff\xfe\x00", "app.py")


def test_several_applications_are_named() -> None:
    with pytest.raises(ApplicationError) as caught:
        chosen("from flask import Flask\nshop = Flask('a')\nblog = Flask('b')")
    assert "shop (line 2), blog (line 3)" in caught.value.hint


def test_shown() -> None:
    made = Callable("create_app", True, ("test", 1), {"debug": True})
    assert made.shown == "create_app('test', 1, debug=True)"
    assert Callable("app").shown == "app"
