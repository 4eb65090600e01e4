"""The examples for compose: read by docker-compose, and one of them brought up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import raw, wait
from support.engine import OURS, REPO, Engine
from support.machine import Port

EXAMPLES = REPO / "docker" / "compose"
# Instead of the registry's image: the same port, variable and directory.
POSTGRES = """
FROM {debian}
RUN apt-get update -q && apt-get install -q -y --no-install-recommends postgresql \\
    && rm -rf /var/lib/postgresql && install -d -o postgres /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
USER postgres
CMD [ -e $PGDATA/PG_VERSION ] || {{ echo "$POSTGRES_PASSWORD" > /tmp/password \\
    && initdb --pwfile=/tmp/password --auth=scram-sha-256 \\
    && echo host all all all scram-sha-256 >> $PGDATA/pg_hba.conf; }}; \\
    exec postgres -h 0.0.0.0 -k /tmp
"""


def compose(
    example: Path, *words: str, env: dict[str, str] | None = None, timeout: int = 600
) -> str:
    if shutil.which("docker-compose") is None:
        pytest.skip("there is no docker-compose")
    done = subprocess.run(
        ["docker-compose", "--project-directory", str(example), *words],
        cwd=example,
        env={**os.environ, "DOCKER_BUILDKIT": "0", **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def services(example: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(compose(EXAMPLES / example, "config"))[
        "services"
    ]
    return found


def test_django_waits_for_its_database_and_is_hardened() -> None:
    found = services("django")
    assert found["web"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert found["web"]["read_only"] is True
    assert found["web"]["tmpfs"] == ["/tmp"]
    password = found["database"]["environment"]["POSTGRES_PASSWORD"]
    assert found["web"]["environment"]["DATABASE_PASSWORD"] == password


def test_two_pythons_differ_in_their_base_alone() -> None:
    found = services("two-pythons")
    bases = {each["build"]["args"]["BASE"] for each in found.values()}
    assert bases == {"mod_pywsgi:onbuild-3.11", "mod_pywsgi:onbuild-3.13"}
    applications = [EXAMPLES / "two-pythons" / name / "app.py" for name in found]
    assert len({path.read_text() for path in applications}) == 1


@pytest.fixture
def up(engine: Engine, onbuild: str, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the Django example and the environment to bring it up with."""
    folder = tmp_path / "django"
    shutil.copytree(EXAMPLES / "django", folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("mod_pywsgi:onbuild", onbuild))
    context = tmp_path / "postgres"
    context.mkdir()
    (context / "Dockerfile").write_text(POSTGRES.format(debian=f"{OURS}/debian:bookworm-slim"))
    port = Port()
    port.release()
    env = {
        "POSTGRES_IMAGE": engine.build(f"{OURS}/postgres", context),
        "PORT": str(port.number),
        "COMPOSE_PROJECT_NAME": f"{OURS}-django",
    }
    yield folder, env
    compose(folder, "down", "--volumes", "--timeout", "10", env=env)


@pytest.mark.slow
def test_django_with_postgresql(up: tuple[Path, dict[str, str]]) -> None:
    folder, env = up
    compose(folder, "up", "--build", "--detach", env=env)
    compose(folder, "run", "--rm", "web", "python3", "manage.py", "migrate", env=env)

    def get(target: str) -> raw.Response:
        with raw.Connection("127.0.0.1", int(env["PORT"])) as connection:
            return connection.request("GET", target, [("Host", "localhost")])

    def is_ready() -> bool:
        try:
            return get("/-/ready").status == 200
        except (OSError, EOFError):
            return False

    wait.until(is_ready, "the site to be ready", 60)
    assert get("/").text == "The database postgres answers.\n"
    assert "csrfmiddlewaretoken" in get("/admin/login/").text
    # By Apache: the application would answer 404.
    style = get("/static/admin/css/base.css")
    assert style.status == 200
    assert style.header("Content-Type") == "text/css"


@pytest.mark.slow
def test_two_pythons(onbuild: str, other_onbuild: str) -> None:
    ports = [Port(), Port()]
    for port in ports:
        port.release()
    env = {
        "OLD_BASE": onbuild,
        "NEW_BASE": other_onbuild,
        "OLD_PORT": str(ports[0].number),
        "NEW_PORT": str(ports[1].number),
        "COMPOSE_PROJECT_NAME": f"{OURS}-pythons",
    }

    def says(port: int) -> str:
        try:
            with raw.Connection("127.0.0.1", port) as connection:
                return connection.request("GET", "/").text
        except (OSError, EOFError):
            return ""

    example = EXAMPLES / "two-pythons"
    compose(example, "up", "--build", "--detach", env=env)
    try:
        wait.until(lambda: says(ports[0].number) == "Python 3.11\n", "the old one", 60)
        wait.until(lambda: says(ports[1].number) == "Python 3.13\n", "the new one", 60)
    finally:
        compose(example, "down", "--volumes", "--timeout", "10", env=env)
