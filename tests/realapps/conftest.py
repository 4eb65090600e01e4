"""Real applications, each installed in an environment of its own and served as its users would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realapps.deploy import Deployed, Deployer
from support import pythons
from support.httpd import Surroundings
from support.servers import Servers
from support.venvs import REPO, Cache, Venv, run

# Of two kinds: as extensions always were, and as they have to be.
EXTENSIONS = r"""
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
HERE = Path(__file__).parent
NO_SECOND_PYTHON = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def cache() -> Cache:
    """Where environments stay from run to run."""
    cache = Cache(REPO / "build" / "realapps")
    if os.geteuid() == 0 and not pythons.is_reachable(cache.folder):
        pytest.fail(f"the web user cannot enter {cache.folder}: start the tests by ./dev test")
    return cache


@pytest.fixture(scope="session")
def first_python(cache: Cache) -> pythons.Python:
    return pythons.reachable(pythons.first(), cache.folder)


@pytest.fixture(scope="session")
def second_python(
    cache: Cache, first_python: pythons.Python, pytestconfig: pytest.Config
) -> pythons.Python:
    """Another version of Python; without one the test is skipped, and the run's last lines say so."""
    found = pythons.second(first_python.minor)
    if isinstance(found, str):
        pytestconfig.stash[NO_SECOND_PYTHON] = found
        pytest.skip(f"no second Python: {found}")
    return pythons.reachable(found, cache.folder)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if reason := config.stash.get(NO_SECOND_PYTHON, ""):
        terminalreporter.section("NOT TESTED: two versions of Python in one Apache", yellow=True)
        terminalreporter.line(f"No second Python from 3.10 on was found: {reason}.", yellow=True)
        terminalreporter.line("PYWSGI_SECOND_PYTHON=/path/to/python3.x names one.", yellow=True)


@pytest.fixture(scope="session")
def venv_of(cache: Cache, first_python: pythons.Python) -> Callable[..., Venv]:
    """`venv_of("flask")`, or `venv_of("flask", python)`: the environment of requirements/flask.txt."""

    def make(name: str, python: pythons.Python = first_python) -> Venv:
        return cache.venv(name, python, (HERE / "requirements" / f"{name}.txt").read_text())

    return make


@pytest.fixture(scope="session")
def modern_python(first_python: pythons.Python, request: pytest.FixtureRequest) -> pythons.Python:
    """One whose interpreters can have a GIL each: the tests' own if it is new enough, else the second."""
    if first_python.version >= (3, 12):
        return first_python
    second: pythons.Python = request.getfixturevalue("second_python")
    if second.version < (3, 12):
        reason = f"{second.program} is Python {second.minor}, which has one GIL"
        request.config.stash[NO_SECOND_PYTHON] = reason
        pytest.skip(reason)
    return second


@pytest.fixture(scope="session")
def modern_venv(modern_python: pythons.Python, venv_of: Callable[..., Venv]) -> Venv:
    return venv_of("flask", modern_python)


@pytest.fixture(scope="session")
def extensions(modern_venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both of them."""
    folder = tmp_path_factory.mktemp("extensions")
    (folder / "extension.c").write_text(EXTENSIONS)
    where = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'))"
    include, suffix = modern_venv.run("-c", where).split()
    for name in ("modern", "old"):
        target = folder / f"{name}{suffix}"
        run(["cc", "-shared", "-fPIC", f"-I{include}", "-o", target, folder / "extension.c"])
    return folder


@pytest.fixture(scope="session")
def deployer(
    cache: Cache, around: Surroundings, servers: Servers, venv_of: Callable[..., Venv]
) -> Iterator[Deployer]:
    deployer = Deployer(cache, around, servers, venv_of)
    yield deployer
    deployer.close()


@pytest.fixture
def deploy(deployer: Deployer, servers: Servers) -> Iterator[Callable[[str, str], Deployed]]:
    """`deploy("flask", "express")`: the application, served in this way; its log must stay clean."""
    yield deployer.deploy
    problems = deployer.end_test()
    if problems:
        pytest.fail("after the test:\n" + "\n".join(problems), pytrace=False)


@pytest.fixture
def install(
    cache: Cache, venv_of: Callable[..., Venv], around: Surroundings
) -> Callable[..., Path]:
    """`install("flask_app", folder)`: a copy of one of `sites`, ready to be served."""

    def copy(name: str, target: Path) -> Path:
        return shutil.copytree(HERE / "sites" / name, target)

    return copy
