"""Three sites, configured for mod_wsgi, run with nothing changed but the path of the module.

The path is changed by `mod-pywsgi-express migrate --write`.
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import signal
import ssl
import subprocess
from pathlib import Path

import pytest

from mod_pywsgi.migrate import run
from support import procs, raw, rolls, wait

SITES = Path(__file__).parent / "sites"
TEXTS = {".conf", ".load", ".wsgi", ".py"}
# What Debian's envvars says before Apache starts.
ENVVARS = """
Define APACHE_RUN_DIR @ROOT@/run
Define APACHE_PID_FILE @ROOT@/run/httpd.pid
Define APACHE_RUN_USER @USER@
Define APACHE_RUN_GROUP @GROUP@
Define APACHE_LOG_DIR @ROOT@
"""


def install(server, name: str, capsys, **tokens: str) -> Path:
    """Put a site below the server's root, and migrate it."""
    etc = server.root / "etc"
    shutil.copytree(SITES / name, etc)
    for path in etc.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.suffix in TEXTS:
            text = server.fill(path.read_text(encoding="utf-8"))
            for token, value in tokens.items():
                text = text.replace(f"@{token}@", value)
            path.write_text(text, encoding="utf-8")
    etc.chmod(0o755)
    (etc / "mime.types").touch()
    (etc / "run").symlink_to("../run")
    before = lines_of(etc)
    assert run.migrate(etc, write=True) == 0, capsys.readouterr().out
    assert changed(before, lines_of(etc)) == 1
    return etc


def lines_of(etc: Path) -> dict[Path, list[str]]:
    return {
        path: path.read_text(encoding="utf-8").splitlines()
        for path in etc.rglob("*")
        if path.suffix in TEXTS and path.is_file()
    }


def changed(before: dict[Path, list[str]], after: dict[Path, list[str]]) -> int:
    """How many lines are not what they were; LoadModule lines all of them."""
    assert before.keys() == after.keys()
    new = [
        line
        for path, lines in after.items()
        for old, line in zip(before[path], lines, strict=True)
        if old != line
    ]
    assert all(line.lstrip().startswith("LoadModule wsgi_module ") for line in new)
    return len(new)


@pytest.fixture
def site(start, around, monkeypatch, capsys):
    """Start a server with a site: `site(NAME, first, prepare, ...)`."""
    monkeypatch.setenv("PYWSGI_LIBEXEC", str(around.artifacts.folder))

    def begin(name, main, first="", prepare=None, tokens=None, **settings):
        def both(server):
            etc = install(server, name, capsys, **(tokens or {}))
            if prepare:
                prepare(etc)

        extra = f'{first}ServerRoot "@ROOT@/etc"\nInclude {main}'
        return start(extra, load=False, prepare=both, **settings)

    return begin


# As Debian lays it out


def enable(etc: Path) -> None:
    """What a2enmod, a2enconf and a2ensite do."""
    for what in ("mods", "conf", "sites"):
        (etc / f"{what}-enabled").mkdir()
        for path in (etc / f"{what}-available").iterdir():
            if path.suffix in TEXTS:
                (etc / f"{what}-enabled" / path.name).symlink_to(f"../{what}-available/{path.name}")


@pytest.fixture
def debian(site):
    server = site("debian", "apache2.conf", ENVVARS, enable)
    server.extra_log("error.log")
    server.extra_log("shop-error.log")
    return server


def test_debian(debian):
    told = debian.get("/basket", [("Authorization", "Basic eDp5")]).json()
    assert told == {
        "goods": "GOODS",  # by WSGIImportScript
        "group": "shop",
        "interpreter": "",
        "multiprocess": True,
        "directory": str(debian.root / "etc" / "shop"),
        "title": "(wsgi:shop)",
        "encoding": "UTF-8",
        "umask": "0o27",
        "authorization": "Basic eDp5",
        "path": "/basket",
    }
    assert len(debian.daemons()) == 2
    assert debian.get("/static/site.css").body == b"body { color: black }\n"
    assert debian.get("/static/../wsgi.py").json()["path"] == "/wsgi.py"
    logged = wait.until(lambda: (debian.root / "shop-access.log").read_text(), "the log")
    assert '"GET /basket HTTP/1.1" 200' in logged
    sockets = [path.name for path in (debian.root / "run").iterdir() if path.is_dir()]
    assert all(name.startswith("wsgi.") for name in sockets)
    assert sockets


def test_debian_reloads_and_restarts(debian):
    script = debian.root / "etc" / "shop" / "wsgi.py"
    debian.expect_new_processes()
    changed = script.with_name("wsgi.py.new")
    changed.write_text(script.read_text().replace("goods.NAME", '"new " + goods.NAME'))
    os.utime(changed, (1, 1))
    changed.rename(script)
    rolls.until_equal(lambda: debian.get("/").json()["goods"], "GOODS", "new GOODS", 2)
    old = set(debian.daemons())
    debian.signal(signal.SIGHUP)
    wait.until(lambda: answers(debian) and not old & set(debian.daemons()), "the restart", 20)
    assert debian.get("/").json()["goods"] == "new GOODS"


def answers(server) -> bool:
    try:
        return server.get("/").status == 200
    except (OSError, EOFError):
        return False


# Two names with TLS

USER = "daemon"


def make_certificate(etc: Path) -> None:
    names = "subjectAltName=DNS:shop.test,DNS:intranet.test,DNS:www.intranet.test"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.test"
    words += f" -addext {names} -addext basicConstraints=critical,CA:FALSE"
    files = ["-keyout", str(etc / "site.key"), "-out", str(etc / "site.pem")]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)


@pytest.fixture
def tls(site):
    users = f"user={USER} group={USER}" if os.geteuid() == 0 else ""
    server = site(
        "tls",
        "httpd.conf",
        prepare=make_certificate,
        tokens={"USERS": users},
        modules=("socache_shmcb", "ssl", "auth_basic", "authz_user"),
    )
    server.extra_log("shop.log")
    server.extra_log("intranet.log")
    return server


def get(server, name: str, target: str = "/", headers: raw.Headers = ()) -> raw.Response:
    """By TLS, with the certificate checked."""
    context = ssl.create_default_context(cafile=str(server.root / "etc" / "site.pem"))
    with server.connect(port=server.port2) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        return connection.request("GET", target, [("Host", name), *headers])


def test_tls_names_have_their_groups(tls):
    shop, intranet = get(tls, "shop.test").json(), get(tls, "www.intranet.test").json()
    assert (shop["whose"], intranet["whose"]) == ("shop", "intranet")
    assert (shop["group"], intranet["group"]) == ("shop", "intranet")
    assert (shop["interpreter"], intranet["interpreter"]) == ("", "main")
    assert (shop["title"], intranet["title"]) == ("shop-wsgi", "(wsgi:intranet)")
    assert (shop["multiprocess"], intranet["multiprocess"]) == (False, True)
    assert (shop["multithread"], intranet["multithread"]) == (True, False)
    assert shop["directory"] == shop["first"] == str(tls.root / "etc" / "shop")
    assert shop["tls"].startswith("TLSv1")
    for told in (shop, intranet):
        assert told["scheme"] == "https"
        assert told["https"] is None
    assert len(tls.daemons()) == 3


def basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_tls_users(tls):
    tls.extra_log("shop.log").allow("AH01617|AH01618|AH01631|PYW")
    assert get(tls, "shop.test", "/admin").status == 401
    assert get(tls, "shop.test", "/admin", [basic("ann", "wrong")]).status == 401
    assert get(tls, "shop.test", "/admin", [basic("eve", "right")]).status == 401
    told = get(tls, "shop.test", "/admin", [basic("bob", "right")]).json()
    assert told["user"] == "bob"
    assert get(tls, "shop.test", "/admin/stock", [basic("ann", "right")]).status == 200
    assert get(tls, "shop.test", "/admin/stock", [basic("bob", "right")]).status == 401


def test_tls_access(tls):
    tls.extra_log("intranet.log").allow("AH01630|PYW")
    assert get(tls, "intranet.test", "/").status == 200
    assert get(tls, "intranet.test", "/?away").status == 403


@pytest.mark.root
def test_tls_groups_have_their_users(tls):
    assert get(tls, "shop.test").json()["uid"] == pwd.getpwnam(USER).pw_uid
    own = pwd.getpwnam(tls.around.facts.user).pw_uid
    assert get(tls, "intranet.test").json()["uid"] == own


def test_tls_the_same_processes_without_tls(tls):
    by_tls = get(tls, "shop.test").json()
    plain = tls.get("/", [("Host", "shop.test")]).json()
    assert plain["pid"] == by_tls["pid"]
    assert (plain["scheme"], plain["tls"]) == ("http", None)
    moved = tls.get("/secure/x", [("Host", "shop.test")])
    assert (moved.status, moved.header("Location")) == (301, "https://shop.test/secure/x")


def test_tls_maximum_requests(tls):
    tls.expect_new_processes()
    pids = []

    def has_seen_four():
        pids.append(get(tls, "shop.test").json()["pid"])
        return len(set(pids)) == 4

    wait.until(has_seen_four, "the third successor", 60)
    *ended, _ = dict.fromkeys(pids)
    # One that has served so many goes on until its successor is ready. The first was asked before.
    assert all(pids.count(pid) >= 20 for pid in ended[1:])
    wait.until(lambda: len(tls.daemons()) == 3, "processes that were replaced to end")
    tls.extra_log("shop.log").allow("PYW0065")
    for pid in ended:
        wait.until(lambda pid=pid: not procs.alive(pid) or procs.zombie(pid), "the end", 20)


# Scripts beside files, in embedded mode


@pytest.fixture
def htaccess(site):
    return site("htaccess", "conf/httpd.conf", mpm="prefork")


def test_htaccess(htaccess):
    told = htaccess.get("/hello.wsgi/more?a=b", [("Authorization", "Basic eDp5")]).json()
    assert told == {
        "SCRIPT_NAME": "/hello.wsgi",
        "PATH_INFO": "/more",
        "SITE_COLOUR": "green",
        "HTTP_AUTHORIZATION": None,
        "QUERY_STRING": "a=b",
        "method": "GET",
        "client": "127.0.0.1",
        "group": "",
        "body": "",
    }
    assert htaccess.get("/").json()["SCRIPT_NAME"] == "/hello.wsgi"
    assert htaccess.get("/handled/x").json()["PATH_INFO"] == "/x"
    assert htaccess.daemons() == []


def test_htaccess_of_a_directory(htaccess):
    response = htaccess.post(
        "/members/hello.wsgi", iter([b"one ", b"two"]), [("Authorization", "Basic eDp5")]
    )
    told = json.loads(response.body)
    assert told["SITE_COLOUR"] == "members only"
    assert told["HTTP_AUTHORIZATION"] == "Basic eDp5"
    assert told["body"] == "one two"


def test_htaccess_of_a_directory_for_errors_heads_and_proxies(htaccess):
    gone = htaccess.get("/members/hello.wsgi/gone")
    assert (gone.status, gone.body) == (404, b"nothing of that name")
    told = htaccess.get("/members/hello.wsgi", [("X-Forwarded-For", "192.0.2.7")]).json()
    assert told["client"] == "192.0.2.7"
    assert htaccess.request("HEAD", "/members/hello.wsgi").status == 200


def test_htaccess_handler(htaccess):
    assert htaccess.get("/world.greet").body == b"Hello, world"


def test_htaccess_takes_the_handler_away(htaccess):
    source = (SITES / "htaccess" / "www" / "old" / "hello.wsgi").read_bytes()
    assert htaccess.get("/old/hello.wsgi").body == source


def test_htaccess_reloads(htaccess):
    script = htaccess.root / "etc" / "www" / "hello.wsgi"
    assert htaccess.get("/hello.wsgi").json()["group"] == ""
    script.write_text(script.read_text().replace('told["group"] =', 'told["group"] = "new" +'))
    os.utime(script, (1, 1))
    for _ in range(10):  # of any process
        assert htaccess.get("/hello.wsgi").json()["group"] == "new"
