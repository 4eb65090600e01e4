"""The page where there is no application."""

from __future__ import annotations

from typing import Any

import pytest

from mod_pywsgi.runtime.welcome import make_page

NASTY = "/tmp/<script>alert(1)</script> & 'x' $choices"


def show(path: str = "/", address: str = "127.0.0.1", **changed: Any) -> tuple[str, str]:
    """Status and body."""
    arguments: dict[str, Any] = {
        "directory": "/srv/site",
        "looked": ["app.py: there is none"],
        "docs_url": "/__wsgi__/docs/",
        "options": ["--port 8001"],
        "apache": "2.4.71, /usr/sbin/apache2",
        "log": "/root/error_log",
        "mode": "daemon",
        **changed,
    }
    seen: list[str] = []
    environ = {"PATH_INFO": path, "REMOTE_ADDR": address}
    body = make_page(**arguments)(environ, lambda status, headers: seen.append(status))
    return seen[0], b"".join(body).decode()


def test_page() -> None:
    status, page = show()
    assert status == "200 OK"
    for words in (
        "/srv/site",
        "app.py",
        "2.4.71",
        "/root/error_log",
        "start-server",
        "--port 8001",
    ):
        assert words in page
    assert "$" not in page.partition("<script>")[0]


def test_other_urls_are_not_there() -> None:
    assert show("/favicon.ico")[0] == "404 Not Found"


def test_names_are_text() -> None:
    _, page = show(directory=NASTY, looked=[NASTY], log=NASTY)
    assert page.count("<script>") == 1  # its own
    assert "&lt;script&gt;alert(1)" in page
    assert "cd &#x27;/tmp/&lt;script" in page


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860::1", "", "unknown"])
def test_strangers(address: str) -> None:
    _, page = show(address=address)
    assert "/srv/site" not in page
    assert "2.4.71" not in page
    assert "What to type next" in page


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "172.17.0.1", "192.168.1.5"])
def test_neighbours(address: str) -> None:
    assert "/srv/site" in show(address=address)[1]


def test_log_on_the_terminal_and_no_documentation() -> None:
    _, page = show(log="/dev/stderr", docs_url="")
    assert "on the terminal" in page
    assert "href" not in page
