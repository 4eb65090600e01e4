"""mod-pywsgi-express: which names are served, what becomes of others, and of plain HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import machine, raw, tls
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

SELF = """
def application(environ, start_response):
    keys = "wsgi.url_scheme", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["|".join(environ[key] for key in keys).encode()]
"""

# Nothing of a path or a query may be lost or changed on the way; nothing may be added.
ODD = (
    "/",
    "/a%20b%3Fc;d=e,f+g&h:i@j/%25x/%C3%A9?q=a%2Fb&c=%0d%0aX:1",
    "/a?",
    "//other.example/x",
    "/a%0d%0aX-Evil:1",
    "/?http://other.example/",
)


def named(server: Express, name: str, target: str = "/", port: int = 0) -> raw.Response:
    if port:
        return tls.get(port, target, name=name)
    return server.get(target, [("Host", name)])


def location(response: raw.Response) -> str | None:
    assert response.status == 308, response
    assert response.header("X-Evil") is None
    return response.header("Location")


@pytest.mark.option("server-name", "server-alias")
def test_names(express: Express) -> None:
    express.write("app.py", SELF)
    words = ["--server-alias", "b.example", "--server-alias", "*.c.example"]
    express.start("app.py", "--server-name", "www.a.example", *words)
    for name in ("www.a.example", "WWW.A.EXAMPLE", "b.example", "x.c.example"):
        assert named(express, name).status == 200, name
    for name in ("c.example", "other.invalid", "127.0.0.1", "b.example.org"):
        assert named(express, name).status == 403, name
    assert named(express, "www.a.example", "/x?y").body == f"http|{express.port}||/x|y".encode()
    for target in ODD:
        moved = named(express, "a.example", target)
        assert location(moved) == f"http://www.a.example:{express.port}{target}"
    with raw.Connection("127.0.0.1", express.port) as connection:
        connection.send(b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert connection.read_response().status in (200, 403)


@pytest.mark.option("server-alias")
def test_an_alias_is_not_redirected(express: Express) -> None:
    express.write("app.py", SELF)
    express.start("app.py", "--server-name", "www.a.example", "--server-alias", "a.example")
    assert named(express, "a.example").status == 200


@pytest.mark.option("allow-localhost", "https-port", "ssl-certificate-file")
def test_this_machine_may_use_any_name(express: Express, around: object, tmp_path: Path) -> None:
    """mod_remoteip makes a client of another machine out of us."""
    modules = machine.find_apache().modules
    express.write(
        "remote.conf",
        f"LoadModule remoteip_module {modules}/mod_remoteip.so\nRemoteIPHeader X-From\n",
    )
    express.write("app.py", SELF)
    express.write("doc/.secret", "secret")
    pair = tls.Authority(tmp_path).sign("a.example", "DNS:a.example")
    port = tls.free_port()
    express.start(
        "app.py",
        *("--server-name", "a.example", "--allow-localhost", "--include-file", "remote.conf"),
        *("--https-port", str(port), *pair.words),
        *("--document-root", "doc", "--mount-point", "/app"),
    )
    stranger = [("X-From", "192.0.2.1")]
    for name, status in (("a.example", 200), ("localhost", 403)):
        assert express.get("/app", [("Host", name)]).status == 200
        assert tls.get(port, "/app", name=name).status == 200
        assert express.get("/app", [("Host", name), *stranger]).status == status
        assert tls.get(port, "/app", name=name, headers=stranger).status == status
        assert express.get("/.secret", [("Host", name)]).status == 403


@pytest.mark.option("health-endpoints", "https-only", "ssl-ca-certificate-file")
def test_probes_need_neither_tls_nor_a_name(express: Express, tmp_path: Path) -> None:
    """Nor a certificate, where clients need one."""
    express.write("app.py", SELF)
    port = tls.free_port()
    express.start(
        *("app.py", "--https-port", str(port), "--self-signed", "--https-only"),
        *("--server-name", "www.a.example", "--health-endpoints"),
        *("--ssl-ca-certificate-file", str(tls.Authority(tmp_path).file)),
    )
    for name in ("www.a.example", "a.example", "127.0.0.1"):
        assert named(express, name, "/-/health").json() == {"healthy": True}
    assert location(named(express, "a.example", "/-/healthy"))
    assert named(express, "127.0.0.1", "/-/healthy").status == 403


@pytest.mark.option("https-only", "self-signed", "https-port", "hsts-policy")
def test_https_only_without_a_name(express: Express) -> None:
    """The name that was asked for is kept, whatever it is, and everything behind it."""
    express.write("app.py", SELF)
    port = tls.free_port()
    policy = "max-age=300; includeSubDomains"
    express.start(
        "app.py",
        *("--https-port", str(port), "--self-signed", "--https-only", "--hsts-policy", policy),
    )
    for target in ODD:
        moved = named(express, "some.example", target)
        assert location(moved) == f"https://some.example:{port}{target}"
        assert moved.header("Strict-Transport-Security") is None
    assert location(express.get("/x")) == f"https://127.0.0.1:{port}/x"
    assert location(named(express, "[::1]:80", "/x")) == f"https://[::1]:{port}/x"
    assert location(express.post("/form?x", b"a=b")) == f"https://127.0.0.1:{port}/form?x"
    followed = tls.get(port, "/x?y", name="some.example", trusted=None)
    assert followed.body == f"https|{port}||/x|y".encode()
    assert followed.header("Strict-Transport-Security") == policy


@pytest.mark.option("https-only", "server-name", "hsts-policy", "ssl-certificate")
def test_https_only_with_a_name(express: Express, tmp_path: Path) -> None:
    express.write("app.py", SELF)
    names = "DNS:www.a.example,DNS:a.example,DNS:b.example"
    authority = tls.Authority(tmp_path)
    pair = authority.sign("www.a.example", names)
    port = tls.free_port()
    express.start(
        "app.py",
        *("--server-name", "www.a.example", "--server-alias", "b.example", "--https-only"),
        *("--https-port", str(port), "--ssl-certificate", str(pair.file.with_suffix(""))),
        *("--hsts-policy", "max-age=300"),
    )
    assert express.shown("Server URL") == f"http://www.a.example:{express.port}/"
    assert express.shown(r"Server URL \(HTTPS\)") == f"https://www.a.example:{port}/"
    assert location(named(express, "www.a.example", "/x")) == f"https://www.a.example:{port}/x"
    assert location(named(express, "b.example", "/x")) == f"https://b.example:{port}/x"
    assert location(named(express, "a.example", "/x")) == f"https://www.a.example:{port}/x"
    assert named(express, "other.example").status == 403
    for name in ("www.a.example", "b.example"):
        served = tls.get(port, name=name, trusted=authority.file)
        assert served.status == 200
        assert served.header("Strict-Transport-Security") == "max-age=300"
    short = tls.get(port, "/x", name="a.example", trusted=authority.file)
    assert location(short) == f"https://www.a.example:{port}/x"
    other = named(express, "other.example", port=port)
    assert (other.status, other.header("Strict-Transport-Security")) == (403, None)


EMPTY = """
def application(environ, start_response):
    headers = [("Content-Type", "text/plain")]
    if environ["PATH_INFO"] == "/own":
        headers += [("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer")]
        headers += [("Strict-Transport-Security", "max-age=1")]
    start_response("404 Not Found" if environ["PATH_INFO"] == "/404" else "200 OK", headers)
    return [b"x"]
"""

CAREFUL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
}


@pytest.mark.option("security-headers", "hsts-policy")
def test_security_headers(express: Express) -> None:
    """Each is there once, in every answer, and what the application says counts."""
    express.write("app.py", EMPTY)
    express.write("doc/a.txt", "static")
    port = tls.free_port()
    express.start(
        "app.py",
        *("--security-headers", "--url-alias", "/static", "doc"),
        *("--https-port", str(port), "--self-signed", "--hsts-policy", "max-age=300"),
    )
    for target in ("/", "/404", "/static/a.txt", "/static/none"):
        for answer in (express.get(target), tls.get(port, target)):
            assert {name: answer.header(name) for name in CAREFUL} == CAREFUL, target
    own = tls.get(port, "/own")
    assert own.header("X-Frame-Options") == "DENY"
    assert own.header("Referrer-Policy") == "no-referrer"
    assert own.header("X-Content-Type-Options") == "nosniff"
    assert own.header("Strict-Transport-Security") == "max-age=300"


def test_without_the_option_no_header_is_added(express: Express) -> None:
    express.write("app.py", EMPTY)
    express.start("app.py")
    assert not [name for name in CAREFUL if express.get().header(name)]
