"""WSGIPerInterpreterGIL, with a Python that can (3.12 or newer) and extensions that can and cannot."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realapps.conftest import NO_SECOND_PYTHON
from support import inline, wait
from support.httpd import HttpdInstance
from support.inline import value
from support.pythons import Python
from support.venvs import Venv, run

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

# Of two kinds: as extensions always were, and as they have to be.
SOURCE = r"""
#include <Python.h>
#include <unistd.h>

/* Keeps the GIL until there is a file of that name. */
static PyObject *keep(PyObject *self, PyObject *path)
{
    const char *text = PyUnicode_AsUTF8(path);

    while (text != NULL && access(text, F_OK) != 0) {
        usleep(1000);
    }
    return text != NULL ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {{"keep", keep, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, {0, NULL}};
static PyModuleDef modern = {
    PyModuleDef_HEAD_INIT, .m_name = "modern", .m_methods = methods, .m_slots = slots};
static PyModuleDef old = {PyModuleDef_HEAD_INIT, .m_name = "old", .m_size = -1};

PyMODINIT_FUNC PyInit_modern(void) { return PyModuleDef_Init(&modern); }
PyMODINIT_FUNC PyInit_old(void) { return PyModule_Create(&old); }
"""

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


@pytest.fixture(scope="session")
def python(first_python: Python, request: pytest.FixtureRequest) -> Python:
    """The tests' own Python if it is new enough, else the second one."""
    if first_python.version >= (3, 12):
        return first_python
    second: Python = request.getfixturevalue("second_python")
    if second.version < (3, 12):
        reason = f"{second.program} is Python {second.minor}, which has one GIL"
        request.config.stash[NO_SECOND_PYTHON] = reason
        pytest.skip(reason)
    return second


@pytest.fixture(scope="session")
def venv(python: Python, venv_of: Callable[..., Venv]) -> Venv:
    return venv_of("flask", python)


@pytest.fixture(scope="session")
def extensions(python: Python, venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both of them."""
    folder = tmp_path_factory.mktemp("extensions")
    (folder / "extension.c").write_text(SOURCE)
    where = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    include, suffix = venv.run("-c", where).split()
    for name in ("modern", "old"):
        target = folder / f"{name}{suffix}"
        run(["cc", "-shared", "-fPIC", f"-I{include}", "-o", target, folder / "extension.c"])
    return folder


@pytest.fixture
def serve(start: Serve, venv: Venv, extensions: Path) -> Serve:
    """`serve(configuration, options)`: an Apache with the interpreters of CONF in one process."""

    def prepare(server: HttpdInstance) -> None:
        shutil.copytree(extensions, server.root / "lib", dirs_exist_ok=True)
        (server.root / "lib").chmod(0o755)
        server.write("lib/old.wsgi", OLD)

    def serve(extra: str = "WSGIPerInterpreterGIL On", options: str = "") -> HttpdInstance:
        conf = CONF.format(home=venv.root, options=options)
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


def test_the_same_in_embedded_mode(start: Serve, venv: Venv, extensions: Path) -> None:
    def prepare(server: HttpdInstance) -> None:
        shutil.copytree(extensions, server.root / "lib", dirs_exist_ok=True)
        (server.root / "lib").chmod(0o755)

    server = start(EMBEDDED.format(home=venv.root), prepare=prepare)
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
    server = serve()
    code = """
        print("x" * 100)
        environ["wsgi.errors"].write("y" * 100 + "\\n")
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("X-Group", environ["mod_wsgi.application_group"])])
        return [body, environ["QUERY_STRING"].encode()]
    """
    failures: list[str] = []

    def work(path: str) -> None:
        for number in range(40):
            body = f"{path}{number}".encode() * 50
            response = server.request(
                "POST", f"{path}?{number}", [inline.header(code)], body, timeout=60
            )
            group = "" if path == "/main" else path[1:]
            if response.body != body + str(number).encode() or (
                (response.header("X-Group") or "") != group
            ):
                failures.append(f"{path} {number}: {response.status}")

    threads = [threading.Thread(target=work, args=(path,)) for path in ("/a", "/b", "/main") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    server.log.claim("x{100}|y{100}")


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
