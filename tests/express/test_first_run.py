"""Where there is no application: a page that says what to type next, and the documentation."""

from __future__ import annotations

import html
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support import browser, wait
from support.express import Express, environment

pytestmark = pytest.mark.no_asan

FILE = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'mine']\n"


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def commands(page: str) -> list[str]:
    """What the page says to type, as somebody copies it."""
    return [
        html.unescape(text) for text in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.S)
    ]


@pytest.mark.smoke
def test_no_application(express: Express, tmp_path: Path) -> None:
    """The page shows the environment and what was looked for, and links pages that are there."""
    express.start()
    assert f"there is no application in {express.site}" in express.output
    response = express.get()
    page = response.text
    assert response.status == 200
    assert response.header("cache-control") == "no-store"
    for words in ("It works.", str(express.site), "manage.py", "development.ini", "daemon"):
        assert words in page, words
    apache = re.search(r"<dt>Apache</dt><dd>2\.4\.\d+, /", page)
    python = re.search(r"<dt>Python</dt><dd>3\.\d+\.\d+, /", page)
    assert apache and python and "1 with 5 threads each" in page
    assert express.get("/favicon.ico").status == 404
    links = Links(page).found
    assert "/__wsgi__/docs/" in links
    for link in links:
        assert express.get(link).status == 200, link
    assert "Traceback" not in express.error_log


@pytest.mark.skipif(browser.PROGRAM is None, reason="there is no chromium")
def test_in_a_browser(express: Express, tmp_path: Path) -> None:
    """Its script runs under its own policy; it follows the system's colours; nothing comes from elsewhere."""
    express.start()
    url = f"http://127.0.0.1:{express.port}/"
    shown = browser.document(url)
    assert shown.count(">Copy</button>") == 4
    assert all(link.startswith("/__wsgi__/") for link in Links(shown).found)
    light = browser.picture(url, tmp_path / "light.png", 1100, 800)
    dark = browser.picture(url, tmp_path / "dark.png", 500, 900, is_dark=True)
    assert min(browser.corner(light)) > 200
    assert max(browser.corner(dark)) < 60
    manual = browser.document(f"{url}__wsgi__/docs/quickstart.html")
    assert "<h1" in manual and "aria-current" in manual


def test_what_it_says_to_type(express: Express) -> None:
    """The first of its recipes, pasted into a shell, and the same port answers."""
    express.start()
    port = express.port
    page = express.get().text
    pasted, flask, django, docker = commands(page)
    assert 'onbuild</code> has to be built first: <a href="/__wsgi__/docs/docker.html">' in page
    express.stop()
    assert "Flask(__name__)" in flask and "startproject" in django and "docker run" in docker
    *lines, command = pasted.splitlines()
    assert f"--port {port}" in command
    assert "--reload-on-changes" in command
    subprocess.run(["sh", "-ec", "\n".join(lines)], check=True, env=environment(None, {}))
    express.start("--reload-on-changes")
    assert express.get().body == b"Hello!\n"


@pytest.mark.parametrize("words", [["."], ["absent.py"], ["--callable-object", "app"]])
def test_what_was_named_is_missing(express: Express, words: list[str]) -> None:
    """That is an error as ever, and so is a file that holds nothing to serve."""
    refused = express.refused(*words)
    assert refused.returncode == 2
    assert "error:" in refused.stderr
    express.write("app.py", "x = 1\n")
    assert "app.py defines neither" in express.refused().stderr


def test_strangers_see_no_paths(express: Express) -> None:
    """Where it may be on the internet, it says nothing of the machine."""
    remote = (
        "LoadModule remoteip_module @\nRemoteIPHeader X-Client\nRemoteIPInternalProxy 127.0.0.1\n"
    )
    express.start()
    modules = re.search(
        r'LoadModule \w+ "(.*)/mod_\w+\.so"', (express.root / "httpd.conf").read_text()
    )
    assert modules
    express.stop()
    include = express.write("remote.conf", remote.replace("@", f"{modules[1]}/mod_remoteip.so"))
    express.start("--include-file", str(include))
    assert str(express.site) in express.get(headers=[("X-Client", "10.1.2.3")]).text
    page = express.get(headers=[("X-Client", "8.8.8.8")]).text
    assert "It works." in page
    assert str(express.site) not in page
    assert "<dt>" not in page


@pytest.mark.option("enable-docs")
def test_documentation_beside_an_application(express: Express) -> None:
    express.write("app.py", FILE)
    express.start("app.py", "--enable-docs")
    assert express.shown("Documentation").endswith("/__wsgi__/docs/")
    assert express.get().body == b"mine"
    index = express.get("/__wsgi__/docs/")
    assert "Quickstart" in index.text
    assert index.header("content-type").startswith("text/html")
    image = express.get("/__wsgi__/images/first-run.png")
    assert (image.status, image.body[:4]) == (200, b"\x89PNG")
    express.stop()
    express.start("app.py")
    wait.until(lambda: express.get("/__wsgi__/docs/").body == b"mine", "the application alone")
