"""Virtual environments: several side by side, each with its own packages, and WSGIPythonHome."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

WHICH = """
import sys
import which

def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{which.NAME} {sys.prefix} {sys.version_info[0]}.{sys.version_info[1]}".encode()]
"""


@pytest.fixture
def python(servers):
    """The interpreter that the daemon was built for."""
    found = servers.shared("daemon").get("/identity").json()
    major, minor, _ = found["version"]
    for folder in (found["base_prefix"] + "/bin", "/usr/bin"):
        path = Path(folder) / f"python{major}.{minor}"
        if path.exists():
            return path
    pytest.skip("no interpreter beside the libpython")


@pytest.fixture
def venvs(python, around):
    """Two environments, each with a module `which` that says its own name."""
    made = []
    for name in ("red", "blue"):
        path = around.home / f"venv-{name}"
        if not path.exists():
            subprocess.run([python, "-m", "venv", "--without-pip", path], check=True, timeout=60)
            [site] = path.glob("lib/python*/site-packages")
            (site / "which.py").write_text(f"NAME = {name!r}\n")
        made.append(path)
    return made


def test_two_environments_side_by_side(start, venvs):
    red, blue = venvs
    server = start(
        f"WSGIDaemonProcess red python-home={red}\nWSGIDaemonProcess blue python-home={blue}\n"
        "WSGIScriptAlias /red @ROOT@/which.wsgi process-group=red application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /blue @ROOT@/which.wsgi process-group=blue application-group=%{GLOBAL}\n",
        files={"which.wsgi": WHICH},
    )
    for name, path in (("red", red), ("blue", blue)):
        assert server.get(f"/{name}").text.split()[:2] == [name, str(path)]


def test_home_of_embedded_interpreters_and_default_of_groups(start, venvs):
    red, blue = venvs
    server = start(
        f"WSGIPythonHome {red}\nWSGIDaemonProcess inherits\n"
        f"WSGIDaemonProcess own python-home={blue}\nWSGIApplicationGroup %{{GLOBAL}}\n"
        "WSGIScriptAlias /embedded @ROOT@/which.wsgi\n"
        "WSGIScriptAlias /inherits @ROOT@/which.wsgi process-group=inherits\n"
        "WSGIScriptAlias /own @ROOT@/which.wsgi process-group=own\n",
        files={"which.wsgi": WHICH},
    )
    names = {path: server.get(path).text.split()[0] for path in ("/embedded", "/inherits", "/own")}
    assert names == {"/embedded": "red", "/inherits": "red", "/own": "blue"}


def test_packages_of_another_environment_are_not_there(start, venvs):
    server = start(
        "WSGIDaemonProcess plain\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /x @ROOT@/which.wsgi process-group=plain\n",
        files={"which.wsgi": WHICH},
    )
    assert server.get("/x").status == 500
    server.log.claim_traceback("ModuleNotFoundError: No module named 'which'")
