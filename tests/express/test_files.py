"""mod-pywsgi-express: files beside the application."""

from __future__ import annotations

import os
import pwd
import shutil

import pytest

from support import wait
from support.express import NOBODY, Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
"""


@pytest.mark.option("document-root", "url-alias")
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


@pytest.mark.option("document-root")
def test_document_root_with_the_source_is_refused(express: Express) -> None:
    express.write("app.py", HELLO)
    done = express.refused("app.py", "--document-root", ".")
    assert done.returncode == 2
    assert "everybody could then read" in done.stderr


# Directories


@pytest.mark.option("directory-index", "document-root")
@pytest.mark.parametrize("name", [None, "a.example"])
def test_directory_index(express: Express, name: str | None) -> None:
    """Directories that exist are Apache's then, the application has the rest."""
    express.write("app.py", HELLO)
    for file in ("start.html", "sub/start.html", "empty/x.txt", ".git/start.html", "al/start.html"):
        express.write(f"doc/{file}", f"doc {file}")
    words = ["--document-root", "doc", "--directory-index", "start.html"]
    words += ["--url-alias", "/static", "doc/al", *(["--server-name", name] if name else [])]
    express.start("app.py", *words)
    host = [("Host", name or "127.0.0.1")]
    assert express.get("/", host).body == b"doc start.html"
    assert express.get("/sub/", host).body == b"doc sub/start.html"
    moved = express.get("/sub?q=1", host)
    assert moved.status == 301
    assert str(moved.header("Location")).endswith("/sub/?q=1")
    assert express.get("/empty/", host).status == 404
    assert express.get("/static/", host).body == b"doc al/start.html"
    for path in ("/none/", "/sub/none", "/.none"):
        assert express.get(path, host).body == b"hello\n", path
    for path in ("/.git/", "/.git", "/.git/start.html"):
        assert express.get(path, host).status == 403, path


@pytest.mark.option("directory-listing", "document-root", "rewrite-rules")
@pytest.mark.parametrize("rules", [False, True])
def test_directory_listing(express: Express, rules: bool) -> None:
    express.write("app.py", HELLO)
    for file in (
        "sub/\u00f6.txt",
        "sub/.secret",
        "sub/.well-known/a",
        "with/index.html",
        "al/b.txt",
    ):
        express.write(f"doc/{file}", f"doc {file}")
    words = ["--document-root", "doc", "--url-alias", "/static", "doc/al", "--directory-listing"]
    if rules:
        express.write("rules", "RewriteRule ^old$ /sub/ [R]\n")
        words += ["--rewrite-rules", "rules"]
    express.start("app.py", *words)
    page = express.get("/sub/")
    assert page.status == 200
    assert "%c3%b6.txt" in page.text and "\u00f6.txt" in page.text
    assert "secret" not in page.text
    assert express.get("/sub").status == 301
    assert "b.txt" in express.get("/static/").text
    assert express.get("/with/").body == b"doc with/index.html"
    assert express.get("/none/").body == b"hello\n"


@pytest.mark.option("directory-listing", "allow-override", "add-handler", "with-cgi")
@pytest.mark.parametrize(
    "words",
    [
        ["--directory-index", "index.html"],
        ["--directory-listing"],
        ["--allow-override", "All"],
        ["--add-handler", ".md", "app.py"],
        ["--with-cgi"],
    ],
)
def test_no_files_to_be_about(express: Express, words: list[str]) -> None:
    express.write("app.py", HELLO)
    refused = express.refused("app.py", *words)
    assert refused.returncode == 2
    assert "is about files, and no files are served" in refused.stderr
    assert "--document-root DIRECTORY" in refused.stderr


# What files are


@pytest.mark.option("mime-types", "document-root")
def test_mime_types(express: Express) -> None:
    express.write("app.py", HELLO)
    express.write("doc/a.txt", "a")
    express.write("doc/b.shop", "b")
    express.write("types", "text/x-shop shop\n")
    express.start("app.py", "--document-root", "doc", "--mime-types", "types")
    assert express.get("/b.shop").header("Content-Type") == "text/x-shop"
    assert express.get("/a.txt").header("Content-Type") is None


MARKDOWN = """
def handle_request(environ, start_response):
    with open(environ["SCRIPT_FILENAME"]) as file:
        text = file.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    told = "|".join(environ[key] for key in ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"))
    return [f"version VERSION: {text} {told}".encode()]
"""
UPPER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [open(environ["SCRIPT_FILENAME"]).read().upper().encode()]
"""


@pytest.mark.option("add-handler", "embedded-mode")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_add_handler(express: Express, mode: list[str]) -> None:
    express.write("app.py", HELLO)
    express.write("markdown.py", MARKDOWN.replace("VERSION", "1"))
    express.write("upper.py", UPPER)
    express.write("broken.py", "import nothing_of_that_name\n")
    for name in ("doc/a.md", "doc/b.tar.up", "doc/c.md.txt", "al/d.md", "doc/e.br"):
        express.write(name, name)
    words = ["--document-root", "doc", "--url-alias", "/al", "al", *mode]
    words += ["--add-handler", ".md", "markdown.py", "--add-handler", "tar.up", "upper.py"]
    express.start("app.py", *words, "--add-handler", ".br", "broken.py")
    assert express.get("/a.md?q").text == "version 1: doc/a.md /a.md||q"
    assert express.get("/b.tar.up").text == "DOC/B.TAR.UP"
    assert express.get("/c.md.txt").text == "doc/c.md.txt"
    assert express.get("/al/d.md/more").text == "version 1: al/d.md /al/d.md|/more|"
    assert express.get("/al/none.md").status == 404
    assert express.get("/none.md").body == b"hello\n"
    assert express.get("/e.br").status == 500
    assert "No module named 'nothing_of_that_name'" in express.error_log
    assert express.get("/a.md").status == 200
    if not mode:
        express.write("markdown.py", MARKDOWN.replace("VERSION", "2, longer"))
        wait.until(lambda: "version 2" in express.get("/a.md").text, "the new script")


CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\nby CGI: %s %s' "$SCRIPT_NAME" "$PATH_INFO"
"""


@pytest.mark.option("with-cgi", "server-mpm")
@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_with_cgi(express: Express, mpm: str) -> None:
    express.write("app.py", HELLO)
    for name in ("doc/a.cgi", "doc/a.cgi.txt", "al/b.cgi"):
        express.write(name, CGI).chmod(0o755)
    words = ["--document-root", "doc", "--url-alias", "/al", "al", "--server-mpm", mpm]
    if mpm == "event" and os.geteuid() == 0:  # without root, too
        account = pwd.getpwnam(NOBODY)
        os.chown(express.site.parent, account.pw_uid, account.pw_gid)
        express.start("app.py", *words, "--with-cgi", user=NOBODY)
        assert express.get("/a.cgi").text == "by CGI: /a.cgi "
        express.stop()
        os.chown(express.site.parent, 0, 0)
        shutil.rmtree(express.root)
    express.start("app.py", *words, "--with-cgi")
    assert express.get("/a.cgi").text == "by CGI: /a.cgi "
    assert express.get("/al/b.cgi/x").text == "by CGI: /al/b.cgi /x"
    assert express.get("/a.cgi.txt").text == CGI
    assert express.get("/none.cgi").body == b"hello\n"
    express.stop()
    express.start("app.py", *words)
    assert express.get("/a.cgi").text == CGI


@pytest.mark.option("with-php5")
def test_with_php5(express: Express) -> None:
    express.write("app.py", HELLO)
    refused = express.refused("app.py", "--with-php5")
    assert refused.returncode == 2
    assert "PHP 5" in refused.stderr and "--proxy-mount-point /php" in refused.stderr


# Errors

FAILING = """
def application(environ, start_response):
    status = environ["PATH_INFO"].strip("/") or "200"
    start_response(status + " Said", [("Content-Type", "text/plain"), ("X-Own", "1")])
    return [b"the application's"]
"""


@pytest.mark.option("error-document", "error-override")
@pytest.mark.parametrize("name", [None, "a.example"])
def test_error_documents(express: Express, name: str | None) -> None:
    express.write("app.py", FAILING)
    express.write("doc/errors/404.html", "no such page here")
    words = ["--document-root", "doc", *(["--server-name", name] if name else [])]
    words += ["--url-alias", "/static", "doc/errors"]
    words += ["--error-document", "404", "/errors/404.html", "--error-document", "503", 'a "text"']
    words += ["--error-document", "410", "http://other.example/gone"]
    host = [("Host", name or "127.0.0.1")]
    express.start("app.py", *words)
    assert express.get("/static/none", host).body == b"no such page here"
    for status in (404, 410, 503):
        answer = express.get(f"/{status}", host)
        assert (answer.status, answer.body) == (status, b"the application's")
    express.stop()
    express.start("app.py", *words, "--error-override")
    answer = express.get("/404", host)
    assert (answer.status, answer.body) == (404, b"no such page here")
    answer = express.get("/503", host)
    assert (answer.status, answer.body) == (503, b'a "text"')
    answer = express.get("/410", host)
    assert (answer.status, answer.header("Location")) == (302, "http://other.example/gone")
    assert express.get("/200", host).body == b"the application's"


@pytest.mark.option(
    "error-document", "add-handler", "allow-override", "rewrite-rules", "mime-types"
)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--error-document", "200", "/x"], "between 400 and 599"),
        (["--error-document", "404", ""], "must not be empty"),
        (["--error-document", "404", "x\\"], "must not end in a backslash"),
        (["--add-handler", "a/b", "app.py"], "ending of file names"),
        (["--allow-override", "Everything"], "must be All, None"),
        (["--rewrite-rules", "nowhere"], "nowhere cannot be read"),
        (["--mime-types", "nowhere"], "nowhere cannot be read"),
        (["--directory-index", ""], "must not be empty"),
    ],
)
def test_wrong_words(express: Express, words: list[str], said: str) -> None:
    express.write("app.py", HELLO)
    express.write("doc/a", "a")
    refused = express.refused("app.py", "--document-root", "doc", *words)
    assert refused.returncode == 2
    assert said in refused.stderr


# Files alone


@pytest.mark.option(
    *("application-type", "directory-listing", "rewrite-rules", "add-handler", "auth-user-script"),
    *("compress-responses", "proxy-mount-point"),
)
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_a_site_without_an_application(express: Express, mode: list[str]) -> None:
    """Scripts beside the files run in processes of their own, of which there are none else."""
    for name in ("site/index.html", "site/sub/a.md", "site/.hidden"):
        express.write(name, f"file {name}")
    express.write("rules", "RewriteRule ^old$ /sub/ [R]\n")
    express.write("markdown.py", MARKDOWN.replace("VERSION", "1"))
    express.write("users.py", "def check_password(environ, user, password):\n    return True\n")
    words = ["site", "--application-type", "static", "--directory-listing", *mode]
    express.start(*words, "--compress-responses", "--rewrite-rules", "rules")
    assert not express.daemons()
    assert express.get("/").body == b"file site/index.html"
    assert "a.md" in express.get("/sub/").text
    assert express.get("/sub/a.md").body == b"file site/sub/a.md"
    assert express.get("/old").status == 302
    assert (express.get("/none").status, express.get("/.hidden").status) == (404, 403)
    express.stop()
    words += ["--add-handler", ".md", "markdown.py", "--auth-user-script", "users.py"]
    express.start(*words)
    assert express.get("/").status == 401
    user = [("Authorization", "Basic YTpi")]
    assert express.get("/", user).body == b"file site/index.html"
    assert express.get("/sub/a.md", user).text == "version 1: file site/sub/a.md /sub/a.md||"
