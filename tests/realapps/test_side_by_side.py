"""Environments, and versions of Python, side by side: one Apache, one module, built once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from realapps.deploy import SITES, Deployer
from support import procs, wait
from support.httpd import HttpdInstance
from support.pythons import Python
from support.venvs import Venv

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

LOAD = """
LoadModule wsgi_module {module}
Alias /alive @ROOT@/htdocs/alive
WSGIApplicationGroup %{{GLOBAL}}
"""
GROUP = """
WSGIDaemonProcess {name} processes=2 threads=4 python-home={home} python-path=@ROOT@/{name}
WSGIScriptAlias /{name}/report @ROOT@/report/wsgi.py process-group={name}
WSGIScriptAlias /{name} @ROOT@/{name}/{script} process-group={name} callable-object={callable}
"""
EMBEDDED = """
WSGIPythonHome {home}
WSGIScriptAlias /embedded/report @ROOT@/report/wsgi.py process-group=%{{GLOBAL}}
"""


def group(venv: Venv, name: str, script: str, function: str) -> str:
    return GROUP.format(name=name, home=venv.root, script=script, callable=function)


def django(venv: Venv) -> str:
    return group(venv, "django", "project/wsgi.py", "application")


def flask(venv: Venv) -> str:
    return group(venv, "flask", "app.py", "app")


@pytest.fixture
def serve(
    start: Callable[..., HttpdInstance], deployer: Deployer, venv_of: Callable[..., Venv]
) -> Callable[..., HttpdInstance]:
    """`serve(configuration...)`: one Apache, with the module of the first Python and all applications."""

    def prepare(server: HttpdInstance) -> None:
        for name in ("django", "flask"):
            if not (server.root / name).exists():
                deployer.install(name, server.root / name)
        shutil.copytree(SITES / "report", server.root / "report", dirs_exist_ok=True)

    def serve(*parts: str) -> HttpdInstance:
        extra = LOAD.format(module=venv_of("django").module) + "".join(parts)
        return start(extra, load=False, prepare=prepare)

    return serve


def text(server: HttpdInstance, target: str) -> str:
    session = requests.Session()
    session.trust_env = False
    answer = session.get(server.url(target), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def report(server: HttpdInstance, name: str) -> dict[str, Any]:
    found = json.loads(text(server, f"/{name}/report?Django&Flask&click&pypiserver&mod_pywsgi"))
    assert isinstance(found, dict)
    return found


def test_two_environments_with_different_packages(
    serve: Callable[..., HttpdInstance], venv_of: Callable[..., Venv]
) -> None:
    server = serve(django(venv_of("django")), flask(venv_of("flask")))
    assert "Log in" in text(server, "/django/admin/login/")
    assert text(server, "/flask/") == "Flask at /flask\n"

    one, other = report(server, "django"), report(server, "flask")
    assert one["prefix"] == str(venv_of("django").root)
    assert other["prefix"] == str(venv_of("flask").root)
    assert one["packages"]["Django"].startswith("5.2.")
    assert one["packages"]["Flask"] is None
    assert other["packages"]["Flask"].startswith("3.1.")
    assert other["packages"]["Django"] is None
    # The same package, in two versions.
    assert one["packages"]["click"] == "8.1.8"
    assert other["packages"]["click"] > "8.2"


def test_each_environment_runs_its_own_daemon(
    serve: Callable[..., HttpdInstance], venv_of: Callable[..., Venv]
) -> None:
    server = serve(django(venv_of("django")), flask(venv_of("flask")))
    wait.until(lambda: len(server.daemons()) == 4, "two processes for each application")
    programs = sorted(program_of(pid) for pid in server.daemons())
    expected = [venv_of(name).libexec / "pywsgi-daemon" for name in ("django", "flask")]
    assert programs == sorted(expected * 2)


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


def test_two_versions_of_python(
    serve: Callable[..., HttpdInstance],
    venv_of: Callable[..., Venv],
    first_python: Python,
    second_python: Python,
) -> None:
    one, other = venv_of("django"), venv_of("flask", second_python)
    server = serve(django(one), flask(other))
    assert "Log in" in text(server, "/django/admin/login/")
    assert text(server, "/flask/") == "Flask at /flask\n"

    reports = report(server, "django"), report(server, "flask")
    assert reports[0]["version"] == list(first_python.version)
    assert reports[1]["version"] == list(second_python.version)
    assert reports[0]["prefix"] == str(one.root)
    assert reports[1]["prefix"] == str(other.root)
    assert reports[1]["base_prefix"] == str(second_python.base)
    # The daemons run a different libpython each; Apache itself has none.
    for each, venv in zip(reports, (one, other), strict=True):
        assert program_of(each["pid"]) == venv.libexec / "pywsgi-daemon"
        libraries = {name for name in mapped(each["pid"]) if "libpython" in name}
        assert all(f"libpython{venv.python.minor}" in name for name in libraries)
    for pid in [server.pid, *server.children()]:
        assert not any("libpython" in name for name in mapped(pid)), procs.command(pid)


def test_one_version_embedded_and_another_in_daemons(
    serve: Callable[..., HttpdInstance],
    venv_of: Callable[..., Venv],
    first_python: Python,
    second_python: Python,
) -> None:
    server = serve(
        EMBEDDED.format(home=venv_of("django").root), flask(venv_of("flask", second_python))
    )
    embedded, daemon = report(server, "embedded"), report(server, "flask")
    assert embedded["version"] == list(first_python.version)
    assert embedded["process_group"] == ""
    assert embedded["pid"] in server.children()
    assert daemon["version"] == list(second_python.version)
    assert text(server, "/flask/") == "Flask at /flask\n"


def test_the_second_version_embedded(
    serve: Callable[..., HttpdInstance],
    venv_of: Callable[..., Venv],
    first_python: Python,
    second_python: Python,
) -> None:
    """The module of one Python takes the embedded half that the environment of the other brings."""
    server = serve(
        EMBEDDED.format(home=venv_of("flask", second_python).root), django(venv_of("django"))
    )
    assert report(server, "embedded")["version"] == list(second_python.version)
    assert report(server, "django")["version"] == list(first_python.version)


def mapped(pid: int) -> set[str]:
    """Names of the files in a process's memory."""
    rows = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {row.split(None, 5)[5] for row in rows if row.count(" ") > 5 and "/" in row}
