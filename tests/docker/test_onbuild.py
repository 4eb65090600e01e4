"""Images that the ONBUILD variant makes of a directory: of requirements.txt, and of pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import wait
from support.engine import OURS, REPO, Engine

from .conftest import Serve


def build(engine: Engine, onbuild: str, folder: Path, name: str) -> str:
    (folder / "Dockerfile").write_text(f"FROM {onbuild}\n")
    return engine.build(f"{OURS}/{name}", folder)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_a_django_site(engine: Engine, onbuild: str, serve: Serve, project: Path) -> None:
    """The example, found by its manage.py, with what it requires; read-only, by any user."""
    shutil.copytree(REPO / "examples" / "django_site", project, dirs_exist_ok=True)
    (project / "requirements.txt").write_text("Django>=4.2\n")
    made = build(engine, onbuild, project, "django")
    container = serve(of=made, more=("--read-only", "--tmpfs=/tmp", "--user=4321:0")).await_ready()
    answer = container.get("/")
    assert answer.status == 200
    assert "Django" in answer.text
    wait.until(lambda: container.health == "healthy", "it to be healthy", 40)
    # Code that everybody may read, nobody change, and that is compiled already.
    assert container.python("import os; print(os.stat('/app/manage.py').st_uid)") == "0"
    assert container.python("import os; print(os.path.exists('/app/site_config/__pycache__'))") == (
        "True"
    )
    assert engine.inspect(made)["Config"]["User"] == "1001:0"


def test_a_project(engine: Engine, onbuild: str, serve: Serve, project: Path) -> None:
    """What pyproject.toml names is installed: the application is a module."""
    (project / "pyproject.toml").write_text(
        '[project]\nname = "hello-project"\nversion = "1"\n'
        '[tool.setuptools]\npy-modules = ["hello_project"]\n'
    )
    (project / "hello_project.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [__name__.encode()]\n"
    )
    made = build(engine, onbuild, project, "project")
    container = serve(
        *("--application-type", "module", "hello_project", "--working-directory", "/tmp"), of=made
    ).await_ready()
    assert container.get("/").text == "hello_project"


def test_an_application_alone(engine: Engine, onbuild: str, serve: Serve, project: Path) -> None:
    """It needs nothing but Python, and has neither of the two files."""
    (project / "app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [b'alone']\n"
    )
    container = serve(of=build(engine, onbuild, project, "alone")).await_ready()
    assert container.get("/").text == "alone"
