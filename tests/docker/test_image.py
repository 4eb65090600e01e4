"""What is in the image, and what is not."""

from __future__ import annotations

import pytest

from support.engine import Engine

from .conftest import Serve

MB = 1000 * 1000
APP = """
import sys

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%d.%d" % sys.version_info[:2]]
"""


def test_size_over_its_base(engine: Engine, base: str, image: str) -> None:
    more = engine.inspect(image)["Size"] - engine.inspect(base)["Size"]
    assert more < 180 * MB, f"{more / MB:.0f} MB"


def test_nothing_compiles_and_nothing_of_the_build_is_left(engine: Engine, image: str) -> None:
    found = engine.says(
        *("run", "--rm", "--user=0", image, "sh", "-c"),
        "command -v cc gcc make autoconf apxs apxs2;"
        " ls -d /src /tmp/* /usr/include/apache2 /var/lib/apt/lists/*Packages* 2>/dev/null; true",
    )
    assert found == ""


def test_what_the_image_declares(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]
    assert config["User"] == "1001:0"
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["WorkingDir"] == "/app"


@pytest.mark.parametrize("words", [["mod-pywsgi-express", "--version"], ["--version"]])
def test_any_program_runs(engine: Engine, image: str, words: list[str]) -> None:
    """A program is run, and what is none is for start-server, which has no such option."""
    done = engine.run("run", "--rm", image, *words, check=False)
    assert (done.returncode == 0) == (words[0] == "mod-pywsgi-express")


def test_an_application_that_is_not_there(engine: Engine, image: str) -> None:
    """The container ends at once and says why."""
    done = engine.run("run", "--rm", image, "missing.py", check=False, timeout=60)
    assert done.returncode == 2
    assert "error:" in done.stderr


@pytest.mark.slow
def test_a_base_without_python(other_image: str, serve: Serve) -> None:
    """It gets the distribution's."""
    container = serve("app.py", of=other_image, files={"app.py": APP})
    assert container.await_ready().get("/").text == "3.13"
