"""docs/docker.md, line by line: what is pasted works, in this order."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engine import REPO, Engine
from support.fresh import blocks
from support.machine import Port

MADE = ("mod_pywsgi:latest", "mod_pywsgi:onbuild", "hello:latest")
# Builds reach PyPI as this machine does.
DOCKER = """#!/bin/sh
case $1 in
build) shift; exec {docker} build --network=host "$@" ;;
*) exec {docker} "$@" ;;
esac
"""


@pytest.fixture
def home(engine: Engine, tmp_path: Path) -> Iterator[Path]:
    """The reader's, with the checkout; what the page makes is removed again."""
    if "bridge" not in engine.says("network", "ls", "--format", "{{.Name}}").split():
        pytest.skip("the engine can publish no port here")
    there = [name for name in MADE if engine.has_image(name)]
    if there or engine.run("inspect", "hello", check=False).returncode == 0:
        pytest.skip(f"the images or containers of the page are here already: {there or 'hello'}")
    (tmp_path / "mod_pywsgi").symlink_to(REPO)
    command = tmp_path / "bin" / "docker"
    command.parent.mkdir()
    command.write_text(DOCKER.format(docker=shutil.which("docker")))
    command.chmod(0o755)
    yield tmp_path
    engine.run("rm", "--force", "hello", check=False)
    for name in MADE:
        engine.run("rmi", name, check=False)


def test_the_page(home: Path, base: str, image: str) -> None:
    """The image is not built anew: it has the same steps as the one of the other tests."""
    port = Port()
    port.release()
    script = "\n".join(block.commands for block in blocks(REPO / "docs" / "docker.md"))
    script = script.replace("8000:8000", f"{port.number}:8000")
    script = script.replace("localhost:8000", f"localhost:{port.number}")
    done = subprocess.run(
        ["bash", "-e", "-x"],
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            "BASE": base,
            "DOCKER_BUILDKIT": "0",
        },
        input=script,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.count("Hello from a container") == 2
    assert "Server running" in done.stdout
