"""compat 3.1: the modules that the server brings."""

from __future__ import annotations

import pytest

from support.places import PLACES, ask, server_at

NAMES = [
    *("FileWrapper", "LogHandler", "RequestTimeout", "active_requests", "application_group"),
    *("event_callbacks", "maximum_processes", "process_group", "process_metrics", "request_data"),
    *("request_metrics", "server_metrics", "shutdown_callbacks", "signal_callbacks"),
    *("start_recording_metrics", "subscribe_events", "subscribe_shutdown", "subscribe_signals"),
    *("threads_per_process", "version"),
]
OWN_NAMES = ["after_fork"]


@pytest.fixture(params=PLACES)
def server(servers, request):
    return server_at(servers, request.param)


def test_names_of_mod_wsgi(server):
    assert ask(server, "result = dir(mod_wsgi)") == sorted(NAMES + OWN_NAMES)


def test_every_name_is_there(server):
    code = f"result = [name for name in {NAMES + OWN_NAMES!r} if not hasattr(mod_wsgi, name)]"
    assert ask(server, code) == []


def test_a_name_that_is_not_there(server):
    code = "result = [getattr(mod_wsgi, 'no_such_name', 1), hasattr(mod_wsgi, '__wrapped__')]"
    assert ask(server, code) == [1, False]


def test_types_that_have_no_name_in_the_module_are_called_as_ever(server):
    code = """
objects = (environ["wsgi.input"], environ["wsgi.errors"].buffer, start_response)
result = [f"{type(each).__module__}.{type(each).__name__}" for each in objects]
"""
    assert ask(server, code) == ["mod_wsgi.Input", "mod_wsgi.Log", "mod_wsgi.Adapter"]


def test_everything_by_star(server):
    names = ask(server, "names = {}\nexec('from mod_wsgi import *', names)\nresult = sorted(names)")
    assert set(NAMES) <= set(names)


def test_facts(server):
    code = """
result = [list(mod_wsgi.version) == list(environ["mod_wsgi.version"]),
    mod_wsgi.process_group == environ["mod_wsgi.process_group"],
    mod_wsgi.application_group == environ["mod_wsgi.application_group"],
    mod_wsgi.maximum_processes >= 1, mod_wsgi.threads_per_process >= 1,
    all(type(number) is int for number in mod_wsgi.version), len(mod_wsgi.version)]
"""
    assert ask(server, code) == [True, True, True, True, True, True, 3]


def test_request_timeout_is_no_exception(server):
    code = """
kind = mod_wsgi.RequestTimeout
result = [issubclass(kind, BaseException), issubclass(kind, (Exception, SystemExit))]
"""
    assert ask(server, code) == [True, False]


def test_mod_pywsgi_has_the_same_objects(server):
    code = f"""
import mod_pywsgi
result = [name for name in {NAMES!r} if getattr(mod_pywsgi, name) is not getattr(mod_wsgi, name)]
result += sorted(set({NAMES!r}) - set(dir(mod_pywsgi)))
from mod_pywsgi import LogHandler, version
"""
    assert ask(server, code) == []


def test_a_name_that_mod_pywsgi_has_not(server):
    assert ask(server, "import mod_pywsgi\nresult = hasattr(mod_pywsgi, 'no_such_name')") is False


def test_installed_package_keeps_its_submodules(start, mode):
    """`import mod_pywsgi` in the server adds to the package, and takes nothing from it."""
    server = start(
        mode=mode,
        files={
            "lib/mod_pywsgi/__init__.py": "__version__ = 'installed'\n",
            "lib/mod_pywsgi/runtime/__init__.py": "from mod_pywsgi import __version__ as seen\n",
            "lib/mod_wsgi/__init__.py": "raise ImportError('not in the server')\n",
            "lib/mod_wsgi/express.py": "place = __file__\n",
        },
        extra="WSGIScriptAlias /way @ROOT@/way.wsgi\n",
        prepare=lambda server: server.write(
            "way.wsgi",
            f"import sys\nsys.path.insert(0, {str(server.root / 'lib')!r})\n"
            "import mod_pywsgi.runtime, mod_pywsgi, mod_wsgi\n"
            "mod_wsgi.__path__ = [sys.path[0] + '/mod_wsgi']\n"
            "import mod_wsgi.express\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [' '.join([mod_pywsgi.runtime.seen, mod_pywsgi.__version__,\n"
            "        str(mod_pywsgi.version == mod_wsgi.version), mod_pywsgi.__file__[-23:],\n"
            "        str(bool(mod_wsgi.express.place))]).encode()]\n",
        ),
    )
    assert server.get("/way").text == "installed installed True /mod_pywsgi/__init__.py True"


def test_apache(server):
    code = """
import apache
result = {name: getattr(apache, name) for name in dir(apache) if not name.startswith("_")}
result["same"] = apache.version == environ["apache.version"]
"""
    shown = ask(server, code)
    assert shown.pop("same") is True
    assert sorted(shown) == [
        *("build_date", "description", "maximum_processes", "mpm_name", "threads_per_process"),
        "version",
    ]
    assert shown["version"][:2] == [2, 4]
    assert shown["description"].startswith("Apache/2.4.")
    assert shown["mpm_name"] in ("event", "worker", "prefork")
    assert shown["build_date"][:3].isdigit() or shown["build_date"]
    assert shown["threads_per_process"] == 16
    assert shown["maximum_processes"] >= 1


def test_apache_is_described_with_modules_that_are_loaded_later(start, mode):
    def load(server):
        module = server.around.facts.modules / "mod_ssl.so"
        server.write("later.conf", f"LoadModule ssl_module {module}\n")

    server = start("Include @ROOT@/later.conf", mode=mode, prepare=load)
    server.log.allow("AH01873")
    assert " OpenSSL/" in ask(server, "import apache\nresult = apache.description")


def test_apache_of_the_application(start, mode):
    """In embedded mode a module of that name is found first; a daemon process has the server's."""
    server = start(
        mode=mode,
        files={"lib/apache.py": "mine = True\n"},
        prepare=lambda server: server.write(
            "way.wsgi",
            f"import sys\nsys.path.insert(0, {str(server.root / 'lib')!r})\nimport apache\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    return [str(hasattr(apache, 'mine')).encode()]\n",
        ),
        extra="WSGIScriptAlias /way @ROOT@/way.wsgi\n",
    )
    assert server.get("/way").text == str(mode == "embedded")
