"""mod-pywsgi-express: files beside the application."""

from __future__ import annotations

import pytest

from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
"""


def test_static_files(express: Express) -> None:
    express.write("app.py", HELLO)
    for name in (
        "a.txt",
        "sub/b.css",
        ".git/config",
        ".well-known/c",
        "files/d",
        "static/e.css",
        "g.txt",
    ):
        express.write(f"doc/{name}", f"doc {name}")
    express.write("static/e.css", "alias e.css")
    express.write("static/deep/f", "alias f")
    express.write("other/f", "longer f")
    words = ["--document-root", "doc", "--url-alias", "/static", "static"]
    words += ["--url-alias", "/static/deep", "other", "--url-alias", "/g.txt", "doc/a.txt"]
    express.start("app.py", *words)
    answers = {
        "/": b"hello\n",
        "/a.txt": b"doc a.txt",
        "/sub/b.css": b"doc sub/b.css",
        "/sub/": b"hello\n",
        "/sub": b"hello\n",
        "/nothing": b"hello\n",
        "/.git/config": b"hello\n",
        "/.well-known/c": b"doc .well-known/c",
        "/static/e.css": b"alias e.css",
        "/static/deep/f": b"longer f",
        "/staticx": b"hello\n",
        "/g.txt": b"doc a.txt",
    }
    assert {target: express.get(target).body for target in answers} == answers
    assert express.get("/sub/b.css").header("Content-Type") == "text/css"
    assert express.get("/static/missing").status == 404


def test_hidden_files_are_served_to_nobody(express: Express) -> None:
    """Beside an application below a mount point there is no application to send them to."""
    express.write("app.py", HELLO)
    for name in (".secret", ".git/config", ".well-known/c", "a.txt", "sub/.htpasswd"):
        express.write(f"doc/{name}", f"doc {name}")
    words = ["--mount-point", "/app", "--document-root", "doc", "--url-alias", "/al", "doc"]
    express.start("app.py", *words)
    for prefix in ("", "/al"):
        for name in ("/.secret", "/.git/config", "/%2egit/config", "/sub/.htpasswd"):
            assert express.get(prefix + name).status == 403, prefix + name
        assert express.get(f"{prefix}/a.txt").body == b"doc a.txt"
        assert express.get(f"{prefix}/.well-known/c").body == b"doc .well-known/c"


def test_document_root_with_the_source_is_refused(express: Express) -> None:
    express.write("app.py", HELLO)
    done = express.refused("app.py", "--document-root", ".")
    assert done.returncode == 2
    assert "everybody could then read" in done.stderr
