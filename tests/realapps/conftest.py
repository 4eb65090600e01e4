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
from support.venvs import REPO, Cache, Venv

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
