"""docs/docker.md, pasted into a terminal of a new Debian system; the engine is this machine's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import engine as docker
from support.engine import Engine
from support.fresh import Root, follow

pytestmark = [pytest.mark.slow, pytest.mark.mounts, pytest.mark.no_asan, pytest.mark.timeout(1500)]

SOCKET = Path("/run/docker.sock")
# How a build gets at the network is this machine's business, not the page's.
CLIENT = """#!/bin/sh
export DOCKER_BUILDKIT=0
if [ "$1" = build ]; then shift; set -- build --network=host "$@"; fi
exec /usr/local/libexec/docker "$@"
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    try:
        found = docker.find()
    except docker.Unavailable as error:
        pytest.skip(f"no container: {error}")
    yield found
    found.stop()


@pytest.fixture
def root(visited: Root, engine: Engine) -> Iterator[Root]:
    """A system that has Docker: client and socket of this one, for the visitor too."""
    socket = visited.path / "run/docker.sock"
    client = shutil.which("docker")
    assert client
    (visited.path / "usr/local/libexec").mkdir(exist_ok=True)
    shutil.copy(client, visited.path / "usr/local/libexec/docker")
    (visited.path / "usr/local/bin/docker").write_text(CLIENT)
    (visited.path / "usr/local/bin/docker").chmod(0o755)
    socket.touch()
    subprocess.run(["mount", "--bind", str(SOCKET), str(socket)], check=True)
    try:
        visited.run(f"groupadd -o -g {SOCKET.stat().st_gid} docker; usermod -aG docker visitor")
        visited.run("apt-get install -y -q --no-install-recommends curl")
        yield visited
    finally:
        subprocess.run(["umount", str(socket)], check=True)


def test_docker(root: Root, engine: Engine, tmp_path: Path) -> None:
    if "bridge" not in engine.says("network", "ls", "--format", "{{.Driver}}").split():
        pytest.skip("no container: the engine here cannot publish a port")
    try:
        base = docker.make_python(engine, tmp_path)
    except docker.Unavailable as error:
        pytest.skip(f"no container: {error}")
    try:
        follow(root, "docker", f"BASE={base}")
        assert not engine.says("ps", "--all", "--quiet", "--filter", "name=^hello$")
    finally:
        engine.run("rm", "--force", "hello", check=False)
