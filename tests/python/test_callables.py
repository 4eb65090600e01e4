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
