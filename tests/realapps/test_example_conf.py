"""examples/httpd.conf serves what its comments say, with nothing changed but the names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from realapps.deploy import Deployer
from support import wait
from support.httpd import HttpdInstance
from support.venvs import REPO, Venv

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

# What Debian's own files say before a site's file is read.
DEBIAN = """
Define APACHE_LOG_DIR @ROOT@
LogFormat "%h %l %u %t \\"%r\\" %>s %O" combined
<Directory "@ROOT@/site">
    Require all denied
</Directory>
"""


@pytest.fixture
def server(
    start: Callable[..., HttpdInstance], deployer: Deployer, venv_of: Callable[..., Venv]
) -> HttpdInstance:
    values = {
        "HOST": "localhost",
        "CODE": "@ROOT@/site",
        "SCRIPT": "project/wsgi.py",
        "VENV": str(venv_of("django").root),
    }

    def define(line: re.Match[str]) -> str:
        return f"Define MYSITE_{line[1]} {values.pop(line[1])}"

    text = (REPO / "examples" / "httpd.conf").read_text(encoding="utf-8")
    text = re.sub(r"^Define MYSITE_(\w+) .*$", define, text, flags=re.M)
    assert not values
    # One line more than the example has: what the checks after the test look at.
    text = text.replace(
        "<VirtualHost *:80>", "<VirtualHost *:@PORT@>\nAlias /alive @ROOT@/htdocs/alive"
    )
    return start(
        DEBIAN + text, load=False, prepare=lambda it: deployer.install("django", it.root / "site")
    )


def get(server: HttpdInstance, target: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    return session.get(server.url(target), timeout=30)


def test_the_example_serves_a_django_project(server: HttpdInstance) -> None:
    page = get(server, "/admin/login/")
    assert page.status_code == 200
    assert "csrfmiddlewaretoken" in page.text
    assert len(server.daemons()) == 2

    path = "static/admin/css/base.css"
    assert get(server, f"/{path}").content == Path(server.root, "site", path).read_bytes()


def test_the_source_is_not_served(server: HttpdInstance) -> None:
    for target in (
        "/project/settings.py",
        "/static/../project/settings.py",
        "/static/%2e%2e/manage.py",
    ):
        answer = get(server, target)
        assert answer.status_code == 404, target
        assert "SECRET_KEY" not in answer.text


def test_its_logs_are_its_own(server: HttpdInstance) -> None:
    get(server, "/admin/login/")
    for name, word in (("error", "PYW0103: "), ("access", '"GET /admin/login/ HTTP/1.1" 200')):
        log = server.root / f"mysite-{name}.log"
        wait.until(lambda log=log, word=word: word in log.read_text(), f"{word!r} in {log.name}")
