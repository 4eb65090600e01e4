"""mod-pywsgi-express: servers behind it, and servers before it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import curl, machine, upstream, wait
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

TOLD = """
import json

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({k: v for k, v in environ.items() if isinstance(v, str)}).encode()]
"""


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with upstream.serving() as port:
        yield port


# Servers behind


@pytest.mark.option("proxy-mount-point", "url-alias", "document-root")
@pytest.mark.parametrize("name", [None, "a.example"])
def test_mount_points(express: Express, behind: int, name: str | None) -> None:
    """They win over the application, and over files."""
    express.write("app.py", TOLD)
    express.write("doc/ws/a", "a file")
    words = ["--document-root", "doc", *(["--server-name", name] if name else [])]
    words += ["--proxy-mount-point", "/ws", f"http://127.0.0.1:{behind}/"]
    words += ["--proxy-mount-point", "/ws/a%b", f"http://127.0.0.1:{behind}/base"]
    words += ["--proxy-mount-point", "/o\\no", f"http://127.0.0.1:{behind}/"]
    express.start("app.py", *words)
    host = f"{name or '127.0.0.1'}:{express.port}"
    given = [("Host", host), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/mine")]
    told = express.get("/ws/a?q=1", given).json()
    assert told["path"] == "/a?q=1"
    assert told["host"] == f"127.0.0.1:{behind}"
    assert told["x-forwarded-host"] == host
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-port"] == str(express.port)
    assert told["x-forwarded-scheme"] == told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-prefix"] == "/ws"
    deeper = express.get("/ws/a%25b/c", given).json()
    assert (deeper["path"], deeper["x-forwarded-prefix"]) == ("/base/c", "/ws/a%b")
    assert express.get("/o%5Cno/x", given).json()["x-forwarded-prefix"] == "/o\\no"
    slash = express.get("/ws?q", given)
    assert (slash.status, slash.header("Location")) == (301, f"http://{host}/ws/?q")
    moved = express.get("/ws/moved", given)
    assert (moved.status, moved.header("Location")) == (302, f"http://{host}/ws/elsewhere")
    assert express.get("/wsx", given).json()["PATH_INFO"] == "/wsx"
    with upstream.WebSocket(express.port, "/ws/chat", host) as client:
        assert client.head.status == 101, express.story()
        assert client.say("hello") == "HELLO"
        assert client.say("again") == "AGAIN"
        assert client.say("", upstream.CLOSE) == ""


@pytest.mark.option("proxy-url-alias", "mount-point")
def test_the_other_name(express: Express, behind: int) -> None:
    express.write("app.py", TOLD)
    words = ["--proxy-url-alias", "/", f"http://127.0.0.1:{behind}", "--mount-point", "/app"]
    express.start("app.py", *words)
    assert express.get("/x").json()["path"] == "/x"
    assert express.get("/").json()["x-forwarded-prefix"] == "/"
    assert express.get("/app/x").json()["PATH_INFO"] == "/x"  # the longer one wins


@pytest.mark.option("proxy-virtual-host", "proxy-mount-point")
@pytest.mark.parametrize("name", [None, "www.a.example"])
def test_virtual_hosts(express: Express, behind: int, name: str | None) -> None:
    express.write("app.py", TOLD)
    express.write("doc/file", "a file")
    target = f"http://127.0.0.1:{behind}"
    names = ["--server-name", name, "--server-alias", "*.example"] if name else []
    words = ["--document-root", "doc", *names]
    words += ["--proxy-virtual-host", "b.example", target + "/b/", "--url-alias", "/al", "doc"]
    words += ["--proxy-virtual-host", "c.example", target]
    express.start("app.py", *words, "--proxy-mount-point", "/up", target + "/up")
    told = express.get("/x?q", [("Host", "b.example")]).json()
    assert (told["path"], told["host"]) == ("/b/x?q", "b.example")
    assert told["x-forwarded-proto"] == "http"
    for path in ("/file", "/up/x", "/al/file", "/"):
        assert express.get(path, [("Host", "c.example")]).json()["path"] == path
    own = [("Host", name or "whatever.example")]
    assert express.get("/x", own).json()["PATH_INFO"] == "/x"
    assert express.get("/file", own).body == b"a file"
    assert express.get("/up/x", own).json()["path"] == "/up/x"
    with upstream.WebSocket(express.port, "/chat", "b.example") as client:
        assert client.head.status == 101
        assert client.say("hello") == "HELLO"
    if name:
        assert express.get("/x", [("Host", "d.example")]).json()["PATH_INFO"] == "/x"
        assert express.get("/x", [("Host", "d.other")]).status == 403
    refused = express.refused("app.py", *words, "--proxy-virtual-host", "B.example", target)
    assert "another site has this name already" in refused.stderr


@pytest.mark.option("proxy-timeout", "socket-timeout")
@pytest.mark.parametrize("option", ["--proxy-timeout", "--socket-timeout"])
def test_timeout(express: Express, behind: int, option: str) -> None:
    express.write("app.py", TOLD)
    words = ["--proxy-mount-point", "/up", f"http://127.0.0.1:{behind}/"]
    express.start("app.py", *words, option, "1")
    assert express.get("/up/silent").status in (502, 504)
    assert "The timeout specified has expired" in express.error_log


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of no authority that a system knows."""
    file = tmp_path_factory.mktemp("tls") / "pair.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, "-keyout", str(file), "-out", str(file) + ".crt"],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + Path(str(file) + ".crt").read_text())
    return file


@pytest.mark.option("proxy-mount-point")
def test_tls_is_checked(express: Express, certificate: Path) -> None:
    """A server behind that nobody vouches for is not spoken to, unless that is said."""
    express.write("app.py", TOLD)
    with upstream.serving(certificate) as port:
        words = ["--proxy-mount-point", "/up", f"https://127.0.0.1:{port}/"]
        express.start("app.py", *words)
        assert express.get("/up/x").status in (500, 502)
        wait.until(lambda: "certificate" in express.error_log, "the reason in the log")
        express.stop()
        express.write("trust.pem", Path(str(certificate) + ".crt").read_text())
        file = express.write("more.conf", f"SSLProxyCACertificateFile {express.site}/trust.pem\n")
        express.start("app.py", *words, "--include-file", str(file))
        assert express.get("/up/x").json()["path"] == "/x"


@pytest.mark.option("proxy-mount-point", "proxy-virtual-host", "trust-proxy", "trust-proxy-header")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--proxy-mount-point", "/x", "ftp://a/"], "must name a server as"),
        (["--proxy-mount-point", "x", "http://a/"], "begins with '/'"),
        (["--proxy-virtual-host", "a b", "http://a/"], "host name"),
        (["--proxy-virtual-host", "a", 'http://a/" b'], "must name a server as"),
        (["--trust-proxy", "proxy.example"], "IP address or a network"),
        (["--trust-proxy-header", "X-Anything"], "must be one of X-Forwarded-For"),
    ],
)
def test_wrong_words(express: Express, words: list[str], said: str) -> None:
    express.write("app.py", TOLD)
    refused = express.refused("app.py", *words)
    assert refused.returncode == 2
    assert said in refused.stderr


# Servers before

CLAIMS = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "shop.example"),
]


@pytest.mark.option("trust-proxy", "trust-proxy-header")
def test_trusted_proxies(express: Express) -> None:
    def told() -> tuple[str, ...]:
        environ = express.get("/", CLAIMS).json()
        return tuple(environ[key] for key in ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST"))

    express.write("app.py", TOLD)
    headers = [
        "--trust-proxy-header",
        "x-forwarded-for",
        "--trust-proxy-header",
        "X-Forwarded-Proto",
    ]
    headers += ["--trust-proxy-header", "X-Forwarded-Host"]
    express.start("app.py", *headers, "--trust-proxy", "127.0.0.0/8")
    assert told() == ("192.0.2.7", "https", "shop.example")
    express.stop()
    express.start(
        "app.py", *headers, "--trust-proxy", "192.0.2.1", "--trust-proxy", "2001:db8::/32"
    )
    assert told()[:2] == ("127.0.0.1", "http")
    assert "HTTP_X_FORWARDED_PROTO" not in express.get("/", CLAIMS).json()
    express.stop()
    express.start("app.py", *headers)
    assert told() == ("192.0.2.7", "https", "shop.example")
    assert "every client is believed" in express.output
    express.stop()
    express.start("app.py", "--trust-proxy", "127.0.0.1")
    assert "--trust-proxy has no effect without" in express.output
    assert told()[0] == "127.0.0.1"


# With the rest


@pytest.mark.option(
    "https-only", "https-port", "self-signed", "proxy-mount-point", "proxy-virtual-host"
)
def test_https_only(express: Express, behind: int) -> None:
    """Nothing is passed on for whoever comes without TLS; with it, the server behind is told."""
    express.write("app.py", TOLD)
    port = machine.Port()
    port.release()
    target = f"http://127.0.0.1:{behind}"
    words = ["--server-name", "a.example", "--https-port", str(port.number), "--self-signed"]
    words += ["--proxy-mount-point", "/up", target, "--proxy-virtual-host", "b.example", target]
    express.start("app.py", *words, "--https-only")
    for name, path in (("a.example", "/up/x"), ("a.example", "/up"), ("b.example", "/x")):
        answer = express.get(path, [("Host", name)])
        assert answer.status == 308, (name, path)
        assert answer.header("Location") == f"https://{name}:{port.number}{path}"
        done = curl.get(
            f"https://{name}:{port.number}{path if path != '/up' else '/up/'}",
            "http1",
            *("--insecure", "--resolve", f"{name}:{port.number}:127.0.0.1"),
        )
        assert done.status == 200, (done, express.story())
        told = json.loads(done.body)
        assert told["x-forwarded-proto"] == told["x-forwarded-scheme"] == "https"
        assert told["x-forwarded-port"] == str(port.number)


@pytest.mark.option("health-endpoints", "proxy-mount-point", "auth-user-script", "rewrite-rules")
@pytest.mark.option("host-access-script", "server-status")
def test_probes_are_answered_here(express: Express, behind: int) -> None:
    """Whatever else is said about all URLs."""
    express.write("app.py", TOLD)
    express.write("doc/a", "a")
    express.write("rules", "RewriteRule ^x$ /y\n")
    express.write("users.py", "def check_password(environ, user, password):\n    return True\n")
    express.write(
        "hosts.py",
        "def allow_access(environ, host):\n    return not environ['REQUEST_URI'].startswith('/-/')\n",
    )
    words = ["--health-endpoints", "--auth-user-script", "users.py", "--document-root", "doc"]
    words += ["--host-access-script", "hosts.py", "--server-status", "--enable-docs"]
    words += ["--url-alias", "/al", "doc"]
    target = f"http://127.0.0.1:{behind}"
    for more in (
        ["--rewrite-rules", "rules"],
        ["--proxy-mount-point", "/", target, "--proxy-virtual-host", "b.example", target],
    ):
        express.start("app.py", *words, *more)
        for host in ("127.0.0.1", "b.example"):
            given = [("Host", host)]
            wait.until(
                lambda given=given: express.get("/-/ready", given).status == 200, "readiness"
            )
            for probe in ("/-/health", "/-/ready"):
                answer = express.get(probe, given)
                assert answer.status == 200, (probe, host, more)
                assert "x-forwarded-host" not in answer.text
            assert express.get("/x", [("Host", host)]).status == 401
        known = [("Authorization", "Basic dTpw")]
        assert "Apache Server Status" in express.get("/server-status", known).text
        assert express.get("/al/a", known).text == "a"
        assert express.get("/__wsgi__/docs/", known).status == 200
        express.stop()
