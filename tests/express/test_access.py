"""mod-pywsgi-express: scripts that decide who may come in."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from support import raw, upstream, wait
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

TOLD = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("REMOTE_USER", "nobody").encode()]
"""
USERS = """
import hashlib

def check_password(environ, user, password):
    if user not in ("ann", "bob"):
        return None
    return password == "secret of " + user

def get_realm_hash(environ, user, realm):
    if user == "ann":
        return hashlib.md5(f"{user}:{realm}:secret of ann".encode()).hexdigest()

def groups_for_user(environ, user):
    return {"ann": ["wsgi"], "bob": ["night shift"]}.get(user, [])
"""


def basic(user: str, password: str | None = None) -> list[tuple[str, str]]:
    password = password or f"secret of {user}"
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


def site(express: Express) -> list[str]:
    """An application, and files; what serves them."""
    express.write("app.py", TOLD)
    express.write("users.py", USERS)
    for name in ("doc/a.txt", "doc/.hidden", "al/b.txt"):
        express.write(name, f"file {name}")
    return ["--document-root", "doc", "--url-alias", "/al", "al"]


@pytest.mark.option("auth-user-script", "embedded-mode")
@pytest.mark.parametrize("mode", ["daemon", "embedded", "named", "rules"])
def test_users(express: Express, mode: str) -> None:
    """All of the site is for users: the application, files, and what is passed on."""
    more = {
        "daemon": [],
        "embedded": ["--embedded-mode"],
        "named": ["--server-name", "a.example"],
        "rules": ["--directory-listing", "--mount-point", "/app"],
    }[mode]
    host = [("Host", "a.example")]
    words = [*site(express), *more, "--auth-user-script", "users.py"]
    with upstream.serving() as behind:
        words += ["--proxy-mount-point", "/up", f"http://127.0.0.1:{behind}/"]
        express.start("app.py", *words)
        for path in ("/", "/app", "/none", "/a.txt", "/al/b.txt", "/al/none", "/up/x"):
            answer = express.get(path, host)
            assert answer.status == 401, path
            realm = f"127.0.0.1:{express.port}"
            assert answer.header("WWW-Authenticate") == f'Basic realm="{realm}"'
        for wrong in (basic("ann", "x"), basic("eve"), [("Authorization", "Bearer x")]):
            assert express.get("/app", [*host, *wrong]).status == 401
        ann = [*host, *basic("ann")]
        assert express.get("/app", ann).body == b"ann"
        assert express.get("/a.txt", ann).body == b"file doc/a.txt"
        assert express.get("/al/b.txt", ann).body == b"file al/b.txt"
        assert express.get("/al/none", ann).status == 404
        assert express.get("/up/x", ann).json()["path"] == "/x"
        # What nobody may read a user may not read either.
        hidden = express.get("/.hidden", ann)
        assert hidden.status == (403 if mode == "rules" else 200)
        assert b"file" not in hidden.body
        if mode == "daemon":
            express.write("users.py", USERS.replace('"secret of "', '"new secret of "'))
            renewed = [*host, *basic("ann", "new secret of ann")]
            wait.until(lambda: express.get("/app", renewed).status == 200, "the new script")


@pytest.mark.option("error-document", "auth-user-script")
def test_the_page_that_asks_for_a_password_needs_none(express: Express) -> None:
    words = [*site(express), "--auth-user-script", "users.py"]
    express.start("app.py", *words, "--error-document", "401", "/al/b.txt")
    answer = express.get("/x")
    assert (answer.status, answer.body) == (401, b"file al/b.txt")
    assert answer.header("WWW-Authenticate")
    assert express.get("/al/c.txt").status == 401
    assert express.get("/x", basic("ann")).body == b"ann"


def digest(challenge: str, user: str, password: str, target: str) -> list[tuple[str, str]]:
    """What a browser answers to a challenge (RFC 7616, MD5, qop=auth)."""
    said = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.partition(" ")[2]))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5(f"{user}:{said['realm']}:{password}")
    proof = md5(f"{secret}:{said['nonce']}:00000001:abc:auth:{md5('GET:' + target)}")
    fields = f'username="{user}", realm="{said["realm"]}", nonce="{said["nonce"]}", uri="{target}"'
    fields += f', qop=auth, nc=00000001, cnonce="abc", response="{proof}", algorithm=MD5'
    return [("Authorization", "Digest " + fields)]


@pytest.mark.option("auth-type", "auth-user-script")
def test_digest(express: Express) -> None:
    express.start(
        "app.py", *site(express), *"--auth-user-script users.py --auth-type digest".split()
    )

    def attempt(user: str, password: str) -> raw.Response:
        challenge = express.get("/x").header("WWW-Authenticate")
        assert challenge is not None and challenge.startswith("Digest ")
        return express.get("/x", digest(challenge, user, password, "/x"))

    assert attempt("ann", "secret of ann").body == b"ann"
    assert attempt("ann", "wrong").status == 401
    assert attempt("eve", "secret of eve").status == 401


@pytest.mark.option("auth-group-script", "auth-group", "auth-user-script")
def test_groups(express: Express) -> None:
    words = [*site(express), *"--auth-user-script users.py --auth-group-script users.py".split()]
    express.start("app.py", *words)
    assert express.get("/x", basic("ann")).body == b"ann"
    assert express.get("/x", basic("bob")).status == 401
    assert express.get("/a.txt", basic("bob")).status == 401
    express.stop()
    express.start("app.py", *words, "--auth-group", "night shift")
    assert express.get("/x", basic("ann")).status == 401
    assert express.get("/x", basic("bob")).body == b"bob"


HOSTS = """
def allow_access(environ, host):
    assert host == "127.0.0.1", host
    return {"in": True, "out": False}.get(environ["QUERY_STRING"])
"""


@pytest.mark.option("host-access-script", "auth-user-script")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_host_access(express: Express, mode: list[str]) -> None:
    express.write("hosts.py", HOSTS)
    words = [*site(express), *mode, "--host-access-script", "hosts.py"]
    express.start("app.py", *words)
    for path in ("/x", "/a.txt", "/al/b.txt"):
        assert express.get(path + "?in").status == 200
        assert express.get(path + "?out").status == 403
        assert express.get(path).status == 200
    express.stop()
    express.start("app.py", *words, "--auth-user-script", "users.py")
    assert express.get("/x?in").status == 401
    assert express.get("/x?in", basic("ann")).body == b"ann"
    assert express.get("/x?out", basic("ann")).status == 403


@pytest.mark.option("auth-user-script", "auth-type", "auth-group", "auth-group-script")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--auth-type", "Basic"], "--auth-type needs --auth-user-script"),
        (["--auth-type", "Form"], "must be one of Basic, Digest"),
        (["--auth-group-script", "users.py"], "needs --auth-user-script"),
        (["--auth-user-script", "users.py", "--auth-group", "x"], "needs --auth-group-script"),
        (["--auth-user-script", "nowhere.py"], "nowhere.py does not exist"),
        (["--host-access-script", "nowhere.py"], "nowhere.py does not exist"),
    ],
)
def test_wrong_words(express: Express, words: list[str], said: str) -> None:
    refused = express.refused("app.py", *site(express), *words)
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
