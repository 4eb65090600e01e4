"""WSGIPerInterpreterGIL, with a Python that can (3.12 or newer) and extensions that can and cannot."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realapps import under_load
from support import inline, wait
from support.httpd import HttpdInstance
from support.inline import value
from support.venvs import Venv

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

CONF = """
WSGIDaemonProcess web threads=6 python-home={home} python-path=@ROOT@/lib {options}
WSGIProcessGroup web
SetEnv test.scratch @SCRATCH@
WSGIScriptAlias /main @APPS@/inline/wsgi.py application-group=%{{GLOBAL}}
WSGIScriptAlias /a @APPS@/inline/wsgi.py application-group=a
WSGIScriptAlias /b @APPS@/inline/wsgi.py application-group=b
WSGIScriptAlias /old @ROOT@/lib/old.wsgi application-group=old
WSGIScriptAlias /old-in-main @ROOT@/lib/old.wsgi application-group=%{{GLOBAL}}
WSGIScriptAlias /old-shared @ROOT@/lib/old.wsgi application-group=shared
"""
OLD = """
try:
    import old
except ImportError as error:
    raise RuntimeError("a package says something of its own") from error

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"imported"]
"""
Serve = Callable[..., HttpdInstance]


@pytest.fixture
def serve(start: Serve, modern_venv: Venv, extensions: Path) -> Serve:
    """`serve(configuration, options)`: an Apache with the interpreters of CONF in one process."""

    def prepare(server: HttpdInstance) -> None:
        shutil.copytree(extensions, server.root / "lib", dirs_exist_ok=True)
        (server.root / "lib").chmod(0o755)
        server.write("lib/old.wsgi", OLD)

    def serve(extra: str = "WSGIPerInterpreterGIL On", options: str = "") -> HttpdInstance:
        conf = CONF.format(home=modern_venv.root, options=options)
        return start(conf + extra, prepare=prepare)

    return serve


KEEP = """
    import modern
    open(environ["test.scratch"] + "/kept" , "w").close()
    modern.keep(environ["test.scratch"] + "/go on")
    start_response("200 OK", [])
    return [b"kept"]
"""


def test_a_gil_that_is_kept_stops_no_other_interpreter(serve: Serve) -> None:
    server = serve()
    for path in ("/a", "/b", "/main"):
        assert value(server, "sys.version_info[1] >= 12", path)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(inline.run(server, KEEP, path="/a")))
    thread.start()
    wait.until((server.scratch / "kept").exists, "the GIL of /a to be kept")
    pids = [value(server, "os.getpid()", path) for path in ("/b", "/main", "/b")]
    assert answers == []
    (server.scratch / "go on").touch()
    thread.join()
    assert answers[0].body == b"kept"
    assert set(pids) == {value(server, "os.getpid()", "/a")}


EMBEDDED = """
WSGIPythonHome {home}
WSGIPythonPath @ROOT@/lib
WSGIPerInterpreterGIL On
SetEnv test.scratch @SCRATCH@
WSGIScriptAlias /main @APPS@/inline/wsgi.py application-group=%{{GLOBAL}}
WSGIScriptAlias /a @APPS@/inline/wsgi.py application-group=a
WSGIScriptAlias /b @APPS@/inline/wsgi.py application-group=b
"""


def test_the_same_in_embedded_mode(start: Serve, modern_venv: Venv, extensions: Path) -> None:
    def prepare(server: HttpdInstance) -> None:
        shutil.copytree(extensions, server.root / "lib", dirs_exist_ok=True)
        (server.root / "lib").chmod(0o755)

    server = start(EMBEDDED.format(home=modern_venv.root), prepare=prepare)
    for path in ("/a", "/b", "/main"):
        assert value(server, "sys.version_info[1] >= 12", path)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(inline.run(server, KEEP, path="/a")))
    thread.start()
    wait.until((server.scratch / "kept").exists, "the GIL of /a to be kept")
    pids = {value(server, "os.getpid()", path) for path in ("/b", "/main")}
    assert answers == []
    (server.scratch / "go on").touch()
    thread.join()
    assert answers[0].body == b"kept"
    assert pids == {value(server, "os.getpid()", "/a")}


def test_an_extension_that_cannot_is_said_with_its_cure(serve: Serve) -> None:
    server = serve(
        "WSGIPerInterpreterGIL On\n<WSGIInterpreterOptions application-group=shared>\n"
        "WSGIPerInterpreterGIL Off\n</WSGIInterpreterOptions>"
    )
    assert server.get("/old").status == 500
    [line] = server.log.claim("PYW0117")
    assert "old.wsgi" in line.text
    assert "WSGIPerInterpreterGIL Off" in line.text
    assert "%{GLOBAL}" in line.text
    server.log.claim_traceback("RuntimeError: a package says something of its own")
    server.log.allow("does not support loading in subinterpreters")
    # Both cures.
    assert server.get("/old-in-main").body == b"imported"
    assert server.get("/old-shared").body == b"imported"


def test_an_interval_of_its_own(serve: Serve) -> None:
    server = serve(
        "WSGIPerInterpreterGIL On\n<WSGIInterpreterOptions application-group=a>\n"
        "WSGISwitchInterval 0.5\n</WSGIInterpreterOptions>",
        "switch-interval=0.25",
    )
    found = {path: value(server, "sys.getswitchinterval()", path) for path in ("/a", "/b", "/main")}
    assert found == {"/a": 0.5, "/b": 0.005, "/main": 0.25}


def test_request_timeout_comes_through(serve: Serve) -> None:
    server = serve(options="request-timeout=1 interrupt-timeout=10")
    code = """
        import mod_wsgi
        try:
            while True:
                time.sleep(0.01)
        except mod_wsgi.RequestTimeout:
            start_response("200 OK", [])
            return [b"interrupted"]
    """
    assert inline.run(server, code, path="/a").body == b"interrupted"
    assert server.log.find("PYW0072")


def test_environ_streams_and_threads_are_right_under_load(serve: Serve) -> None:
    under_load.check(serve(), {"/a": "a", "/b": "b", "/main": ""}, clients=3)


def test_exit_functions_run_in_each(serve: Serve) -> None:
    server = serve()
    code = """
        import atexit, mod_wsgi
        path = environ["test.scratch"] + "/ended-" + mod_wsgi.application_group
        atexit.register(lambda: open(path, "w").close())
        start_response("200 OK", [])
        return [b"x"]
    """
    for path in ("/a", "/b", "/main"):
        assert inline.run(server, code, path=path).body == b"x"
    assert server.stop() == []
    assert sorted(path.name for path in server.scratch.glob("ended-*")) == [
        "ended-", "ended-a", "ended-b",
    ]  # fmt: skip
