"""mod-pywsgi-express: which URL is whose, and what the application is told about it."""

from __future__ import annotations

import json

import pytest

from support import wait
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

# Answers what it was told.
TOLD = """
import json, os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    return [json.dumps({**told, "pid": os.getpid()}).encode()]
"""

KEYS = ("SCRIPT_NAME", "PATH_INFO")


def paths(express: Express, target: str, **headers: str) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO of a URL, which has to be the application's."""
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    response = express.get(target, given)
    assert response.status == 200, (target, response, express.story())
    told = response.json()
    return told["SCRIPT_NAME"], told["PATH_INFO"]


def rewriting(express: Express, rules: str) -> list[str]:
    express.write("rules.conf", rules)
    return ["--rewrite-rules", "rules.conf"]


# Below a mount point, with and without the document root in between


@pytest.mark.option("mount-point", "trust-proxy-header")
@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("mount", ["/", "/app", '/a b#"c.d'])
def test_paths(express: Express, mount: str, documents: bool) -> None:
    express.write("app.py", TOLD)
    express.write("doc/there.txt", "a file")
    words = rewriting(express, "# none") if documents else []
    express.start(
        *("app.py", "--mount-point", mount, "--document-root", "doc", *words),
        *("--trust-proxy-header", "X-Script-Name"),
    )
    url = mount.replace(" ", "%20").replace("#", "%23").replace('"', "%22").rstrip("/")
    name = mount.rstrip("/")
    assert paths(express, url + "/x/y%20z?q") == (name, "/x/y z")
    assert paths(express, url + "/") == (name, "/")
    assert paths(express, url + "/x//y/%C3%B6") == (name, "/x/y/\u00c3\u00b6")
    assert paths(express, url + "/x", X_Script_Name="/outer") == ("/outer", "/x")
    assert express.get("/there.txt").body == b"a file"
    if mount != "/":
        assert paths(express, url) == (name, "")
        assert express.get(url + "x").status == 404
        assert express.get("/nothing").status == 404
    told = express.get(url + "/x?q").json()
    assert told["REQUEST_URI"] == url + "/x?q"
    assert "REDIRECT_URL" not in told


@pytest.mark.option("document-root", "rewrite-rules", "url-alias")
def test_rules_are_for_all_urls(express: Express) -> None:
    """They stand in the document root's directory, as in mod_wsgi-express."""
    express.write("app.py", TOLD)
    for name in ("there.txt", "sub/index.html", ".hidden/x", "al/in.txt"):
        express.write(f"doc/{name}", f"doc {name}")
    rules = """
        RewriteRule ^old/(.*)$ /new/$1 [R=301]
        RewriteRule ^inner/(.*)$ /sub/$1
        RewriteRule ^forbidden - [F]
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteRule ^(.*)\\.gone$ /kept/$1 [QSA,L]
    """
    words = rewriting(express, rules)
    express.start("app.py", "--document-root", "doc", *words, "--url-alias", "/al", "doc/al")
    assert express.shown("Rewrite Rules") == str(express.site / "rules.conf")
    moved = express.get("/old/a?b=c")
    assert moved.status == 301
    assert moved.header("Location") == f"http://127.0.0.1:{express.port}/new/a?b=c"
    assert express.get("/inner/index.html").body == b"doc sub/index.html"
    assert express.get("/forbidden/x").status == 403
    assert paths(express, "/x/y.gone") == ("", "/kept/x/y")
    assert express.get("/x/y.gone").json()["REQUEST_URI"] == "/x/y.gone"
    # What is there is Apache's, what is not is the application's; directories are, too.
    assert express.get("/there.txt").body == b"doc there.txt"
    for path in ("/", "/sub", "/sub/", "/sub/more/", "/there", "/.hid", "/.hidden/none"):
        assert paths(express, path) == ("", path)
    assert express.get("/.hidden/x").status == 403
    assert express.get("/al/in.txt").body == b"doc al/in.txt"
    assert express.get("/al/none").status == 404
    assert express.post("/posted", b"body").status == 200


@pytest.mark.option("rewrite-rules", "mount-point", "url-alias")
@pytest.mark.parametrize("name", [[], ["--server-name", "127.0.0.1"]])
def test_names_that_no_file_can_have(express: Express, name: list[str]) -> None:
    """A token in a URL may be longer than the name of a file; rules hold for it, too."""
    express.write("app.py", TOLD)
    express.write("doc/there/file", "a file")
    words = rewriting(express, "RewriteRule ^app/secret - [F]\n")
    words += ["--document-root", "doc", "--url-alias", "/al", "doc", "--mount-point", "/app"]
    express.start("app.py", *words, *name)
    long = 300 * "x"
    for path in (f"/{long}", f"/a/b/{long}/c", f"/\u00f6/{long}%", 3000 * "/y", f"/a//{long}/"):
        url = "/app" + "".join(
            f"%{byte:02x}" if byte > 126 or byte == 37 else chr(byte) for byte in path.encode()
        )
        plain = path.encode().decode("latin-1").replace("//", "/")
        assert paths(express, url) == ("/app", plain)
        assert "MOD_PYWSGI_PATH" not in express.get(url).json()
    assert express.get(f"/app/secret/{long}").status == 403
    assert express.get(f"/app/secret/{1500 * '/y'}").status == 403
    assert express.get(f"/al/{long}").status in (403, 404)
    assert express.get(f"/{long}").status == 404


@pytest.mark.option("rewrite-rules", "server-name")
def test_rules_with_a_server_name(express: Express) -> None:
    express.write("app.py", TOLD)
    words = rewriting(express, "RewriteRule ^old$ /new [R=301]\n")
    express.start("app.py", "--server-name", "a.example", *words)
    name = f"a.example:{express.port}"
    host = [("Host", name)]
    assert express.get("/old", host).header("Location") == f"http://{name}/new"
    assert express.get("/x", host).json()["PATH_INFO"] == "/x"


@pytest.mark.option("rewrite-rules")
def test_the_file_of_rules_is_the_users(express: Express) -> None:
    express.write("app.py", TOLD)
    express.start("app.py")
    file = express.root / "rewrite.conf"
    assert file.read_text().startswith("# Rules of mod_rewrite for all URLs")
    assert "rewrite_module" not in (express.root / "httpd.conf").read_text()
    express.stop()
    file.write_text("RewriteRule ^old$ /new [R=302]\n")
    express.start("app.py")
    assert file.read_text() == "RewriteRule ^old$ /new [R=302]\n"
    assert express.get("/old").status == 302
    assert paths(express, "/x") == ("", "/x")
    express.stop()
    file.write_text("RewriteRul ^old$ /new\n")
    refused = express.refused("app.py")
    assert "Apache refuses the rules in" in refused.stderr and "RewriteRul" in refused.stderr


@pytest.mark.option("rewrite-rules", "embedded-mode")
def test_rules_in_embedded_mode(express: Express) -> None:
    express.write("app.py", TOLD)
    words = rewriting(express, "RewriteRule ^a$ /b\n")
    express.start("app.py", "--embedded-mode", "--mount-point", "/m", *words)
    assert paths(express, "/m/a") == ("/m", "/a")
    assert express.get("/m/a").json()["mod_wsgi.process_group"] == ""


@pytest.mark.option("rewrite-rules", "preload", "processes")
def test_rules_and_preload(express: Express) -> None:
    told_more = TOLD.replace("**told", '**told, "importer": IMPORTER')
    express.write("app.py", "import os\nIMPORTER = os.getpid()\n" + told_more)
    words = rewriting(express, "RewriteRule ^a$ /b\n")
    express.start("app.py", "--preload", "--processes", "2", *words)
    told = express.get("/a").json()
    assert told["PATH_INFO"] == "/b"
    assert told["pid"] != told["importer"]


@pytest.mark.option("allow-override")
def test_htaccess(express: Express) -> None:
    express.write("app.py", TOLD)
    express.write("doc/a.txt", "a")
    express.write("static/b.txt", "b")
    express.write(
        "doc/.htaccess", "RewriteEngine On\nRewriteRule ^old$ /new\nErrorDocument 404 no\n"
    )
    express.write("static/.htaccess", "ErrorDocument 404 missing\nAddType x/y .txt\n")
    words = ["--document-root", "doc", "--url-alias", "/static", "static"]
    express.start("app.py", *words, "--allow-override", "FileInfo")
    assert paths(express, "/old") == ("", "/new")
    assert paths(express, "/x") == ("", "/x")
    assert express.get("/a.txt").body == b"a"
    assert express.get("/static/b.txt").header("Content-Type") == "x/y"
    assert express.get("/static/none").body == b"missing"
    assert express.get("/.htaccess").status == 403
    express.stop()
    express.start("app.py", *words)
    assert paths(express, "/old") == ("", "/old")
    assert express.get("/static/b.txt").header("Content-Type") == "text/plain"


# How it is loaded


@pytest.mark.option("application-group")
def test_application_group(express: Express) -> None:
    express.write("app.py", TOLD)
    express.start("app.py", "--application-group", 'my "own" group')
    assert express.get().json()["mod_wsgi.application_group"] == 'my "own" group'
    express.stop()
    express.start("app.py")
    assert express.get().json()["mod_wsgi.application_group"] == ""
    refused = express.refused("app.py", "--application-group", "x", "--preload")
    assert "exclude each other" in refused.stderr


@pytest.mark.option("disable-reloading", "rewrite-rules")
@pytest.mark.parametrize("documents", [False, True])
def test_disable_reloading(express: Express, documents: bool) -> None:
    def answer() -> dict[str, object]:
        told: dict[str, object] = json.loads(express.get().body)
        return told

    words = rewriting(express, "# none") if documents else []
    words += ["--document-root", "doc"]
    express.write("doc/a", "a")
    express.write("app.py", TOLD)
    express.start("app.py", *words)
    first = answer()
    express.write("app.py", TOLD.replace("**told", '**told, "new": 1'))
    wait.until(lambda: "new" in answer(), "the new code")
    assert answer()["pid"] != first["pid"]
    express.stop()
    express.start("app.py", *words, "--disable-reloading")
    kept = answer()
    assert kept["new"] == 1
    express.write("app.py", TOLD.replace("**told", '**told, "newer": 1'))
    assert not [found for _ in range(20) if "newer" in (found := answer())]
    assert answer()["pid"] == kept["pid"]
