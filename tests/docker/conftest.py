"""The image of docker/Dockerfile, built once for the run, and containers of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import engine as docker
from support.engine import REPO, Container, Engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))  # the first has the image built
            item.add_marker(pytest.mark.no_asan)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    try:
        found = docker.find()
    except docker.Unavailable as error:
        pytest.skip(f"no container: {error}")
    yield found
    found.stop()


@pytest.fixture(scope="session")
def base(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with Python, as the registry has it."""
    try:
        return docker.make_python(engine, tmp_path_factory.mktemp("base"))
    except docker.Unavailable as error:
        pytest.skip(f"no container: {error}")


def build(engine: Engine, base: str, tag: str) -> str:
    dockerfile = str(REPO / "docker" / "Dockerfile")
    more = ("--file", dockerfile, "--build-arg", f"BASE={base}")
    return engine.build(f"{docker.OURS}/mod_pywsgi:{tag}", REPO, *more)


def build_onbuild(engine: Engine, image: str) -> str:
    dockerfile = str(REPO / "docker" / "Dockerfile.onbuild")
    more = ("--file", dockerfile, "--build-arg", f"BASE={image}")
    return engine.build(f"{image}-onbuild", REPO / "docker", *more)


@pytest.fixture(scope="session")
def image(engine: Engine, base: str) -> str:
    return build(engine, base, "latest")


@pytest.fixture(scope="session")
def onbuild(engine: Engine, image: str) -> str:
    return build_onbuild(engine, image)


@pytest.fixture(scope="session")
def other_image(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With another Python: that of a newer Debian, on a base that has none."""
    try:
        bare = docker.make_bare(engine, tmp_path_factory.mktemp("bare"))
    except docker.Unavailable as error:
        pytest.skip(f"no other Python in a container: {error}")
    return build(engine, bare, "other")


@pytest.fixture(scope="session")
def other_onbuild(engine: Engine, other_image: str) -> str:
    return build_onbuild(engine, other_image)


Serve = Callable[..., Container]


@pytest.fixture
def serve(engine: Engine, image: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts a container; `files` are in /app, `more` are options of `docker run`."""
    made: list[Container] = []

    def run(
        *words: str,
        files: dict[str, str] | None = None,
        more: tuple[str, ...] = (),
        of: str | None = None,
    ) -> Container:
        mounts = docker.files_for(tmp_path, files) if files else ()
        made.append(Container(engine, of or image, words, (*mounts, *more)))
        return made[-1]

    yield run
    for container in made:
        container.remove()
