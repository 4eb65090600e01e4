"""`--health-endpoints`: what probes hear of a server that express has started."""

from __future__ import annotations

import pytest

from support import wait
from support.express import Express

pytestmark = pytest.mark.no_asan

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]
"""


@pytest.mark.option("health-endpoints")
def test_probes_are_answered_whatever_name_they_use(express: Express) -> None:
    (express.site / "files").mkdir(mode=0o755)
    express.write("app.py", APP)
    # No file, no alias, no rule about names is in the way.
    express.start(
        "app.py",
        *("--health-endpoints", "--server-name", "www.example.com"),
        *(
            "--document-root",
            str(express.site / "files"),
            "--url-alias",
            "/-",
            str(express.site / "files"),
        ),
        wait_for="/-/health",
    )
    name = [("Host", "www.example.com")]
    wait.until(lambda: express.get("/-/ready").status == 200, "the application to be ready")
    for headers in (name, [("Host", "127.0.0.1")], [("Host", "example.net")]):
        assert express.get("/-/health", headers).json() == {"healthy": True}
        assert express.get("/-/ready", headers).json()["ready"] is True
    assert express.get("/", [("Host", "example.net")]).status == 403
    assert express.get("/else", name).text == "/else"


@pytest.mark.option("health-endpoints")
def test_an_application_that_does_not_import_is_not_ready(express: Express) -> None:
    express.write("app.py", APP + "\nraise ValueError('no database')\n")
    express.start("app.py", "--health-endpoints", wait_for="/-/health")
    wait.until(
        lambda: "failed" in express.get("/-/ready").json()["groups"].values(), "the import to fail"
    )
    assert express.get("/-/ready").status == 503
    assert express.get("/-/health").status == 200


def test_without_it_the_urls_are_the_applications(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py")
    assert express.get("/-/health").text == "/-/health"
    assert express.get("/-/ready").text == "/-/ready"
