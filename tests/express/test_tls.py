"""mod-pywsgi-express: TLS. Certificates of three kinds, those of clients, what is refused."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import warnings
from pathlib import Path

import pytest

from support import raw, tls
from support.express import Express

is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="only root can become somebody else")

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

SELF = """
import json, wsgiref.util
def application(environ, start_response):
    found = {key: value for key, value in environ.items() if key.startswith("SSL_")}
    found["scheme"] = environ["wsgi.url_scheme"]
    found["uri"] = wsgiref.util.request_uri(environ)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]
"""

FILES = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        with open(environ["QUERY_STRING"] or __file__) as file:
            return [file.read().encode()]
    except PermissionError:
        return [b"refused"]
"""


@pytest.fixture
def authority(express: Express) -> tls.Authority:
    """Beside the application: the web user can reach it."""
    return tls.Authority(express.site.parent / "authority")


def cipher_of(port: int, highest: ssl.TLSVersion, ciphers: str | None = None) -> tuple[str, str]:
    how = tls.context(None)
    # What the server refuses is to be its own decision.
    how.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
    how.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1: that is the point
        how.maximum_version = highest
    with tls.Connection(port, "localhost", how) as connection:
        found = connection.sock.cipher()
        assert found
        return found[0], connection.sock.version() or ""


@pytest.mark.option("https-port", "ssl-certificate-file", "ssl-certificate-key-file")
@pytest.mark.option("ssl-environment")
def test_a_given_certificate(express: Express, authority: tls.Authority) -> None:
    """Without --server-name too, and whatever the client calls the server."""
    express.write("app.py", SELF)
    pair = authority.sign("site")
    port = tls.free_port()
    express.start("app.py", "--https-port", str(port), *pair.words, "--ssl-environment")
    assert express.shown(r"Server URL \(HTTPS\)") == f"https://127.0.0.1:{port}/"
    told = express.get().json()
    assert told == {"scheme": "http", "uri": f"http://127.0.0.1:{express.port}/"}
    told = tls.get(port, "/x?y", trusted=authority.file).json()
    assert (told["scheme"], told["uri"]) == ("https", f"https://localhost:{port}/x?y")
    assert (told["SSL_PROTOCOL"], told["SSL_SERVER_S_DN_CN"]) == ("TLSv1.3", "site")
    with tls.Connection(port, None, tls.context(None)) as connection:  # no SNI
        assert connection.request("GET", "/").json()["scheme"] == "https"
    with raw.Connection("127.0.0.1", port) as plain:
        assert plain.request("GET", "/").status == 400
    # What the configuration promises of versions and ciphers.
    cipher, version = cipher_of(port, ssl.TLSVersion.TLSv1_2)
    assert (version, "ECDHE" in cipher, "GCM" in cipher or "CHACHA" in cipher) == (
        *("TLSv1.2", True, True),
    )
    for refused in (
        (ssl.TLSVersion.TLSv1_1, None),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"),
    ):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            cipher_of(port, *refused)
    # Resumed from the server's memory, not by a ticket that its key could open for years.
    how = tls.context(None)
    how.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls.Connection(port, "localhost", how) as connection:
        session = connection.sock.session
        assert session and not session.has_ticket
        connection.request("GET", "/")
    again = socket.create_connection(("127.0.0.1", port), 20)
    with how.wrap_socket(again, server_hostname="localhost", session=session) as resumed:
        assert resumed.session_reused


@pytest.mark.option("ssl-port", "ssl-certificate-chain-file", "ssl-environment")
def test_a_chain_in_a_file_of_its_own(express: Express, authority: tls.Authority) -> None:
    express.write("app.py", SELF)
    middle = authority.sign("middle", kind="ca")
    below = tls.Authority(express.site.parent / "below", signer=middle)
    pair = below.sign("site")
    port = tls.free_port()
    words = ["--ssl-port", str(port), *pair.words, "--ssl-certificate-chain-file"]
    express.start("app.py", *words, str(middle.file))
    assert tls.get(port, trusted=authority.file).json()["scheme"] == "https"


@pytest.mark.option("self-signed", "https-port")
def test_self_signed(express: Express) -> None:
    express.write("app.py", FILES)
    port = tls.free_port()
    words = ["app.py", "--self-signed", "--https-port", str(port), "--server-alias", "*.a.example"]
    express.start(*words, "--server-name", "a.example")
    own, key = express.root / "self-signed.crt", express.root / "self-signed.key"
    for name in ("a.example", "x.a.example"):
        assert tls.get(port, f"/?{own}", name=name, trusted=own).status == 200
    for name in ("localhost", "127.0.0.1"):
        assert tls.get(port, name=name, trusted=own).status == 403
    assert key.stat().st_mode & 0o077 == 0
    before = own.read_text()
    # Kept, for whoever has told a browser to trust it; as long as it does.
    assert express.stop() == 0
    express.start(*words, "--server-name", "a.example")
    assert own.read_text() == before
    assert express.stop() == 0
    express.start(*words, "--server-name", "b.example")
    assert own.read_text() != before
    assert tls.get(port, name="b.example", trusted=own).status == 200
    assert express.stop() == 0
    express.start("app.py")
    assert not own.exists() and not key.exists()


@needs_root
@pytest.mark.option("self-signed", "ssl-certificate")
def test_the_application_cannot_read_a_key(express: Express, authority: tls.Authority) -> None:
    express.write("app.py", FILES)
    port = tls.free_port()
    express.start("app.py", "--self-signed", "--https-port", str(port))
    assert tls.get(port, f"/?{express.root}/self-signed.key").body == b"refused"
    assert express.stop() == 0
    pair = authority.sign("site")
    base = str(pair.file.with_suffix(""))
    express.start("app.py", "--ssl-certificate", base, "--https-port", str(port))
    assert tls.get(port, f"/?{pair.key}", trusted=authority.file).body == b"refused"
    assert express.stop() == 0
    pair.key.chmod(0o644)
    done = express.refused("app.py", "--ssl-certificate", base, "--https-port", str(port))
    assert done.returncode == 2
    assert "who can read the private key" in done.stderr
    assert f"chmod 600 {pair.key}" in done.stderr


def test_an_ordinary_user_serves_tls(express: Express) -> None:
    """Nothing of it needs root."""
    express.write("app.py", SELF)
    port = tls.free_port()
    express.site.parent.chmod(0o777)
    express.start("app.py", "--self-signed", "--https-port", str(port), user="nobody")
    assert tls.get(port).json()["scheme"] == "https"


# Certificates of clients


@pytest.mark.option("ssl-ca-certificate-file", "ssl-environment")
def test_clients_with_a_certificate_only(express: Express, authority: tls.Authority) -> None:
    express.write("app.py", SELF)
    express.write("doc/a.txt", "static")
    clients = tls.Authority(express.site.parent / "clients")
    alice = clients.sign("alice")
    mallory = tls.Authority(express.site.parent / "others").sign("mallory")
    port = tls.free_port()
    express.start(
        *("app.py", "--https-port", str(port), *authority.sign("site").words),
        *("--ssl-ca-certificate-file", str(clients.file), "--ssl-environment"),
        *("--document-root", "doc"),
    )
    told = tls.get(port, trusted=authority.file, client=alice).json()
    assert (told["SSL_CLIENT_VERIFY"], told["SSL_CLIENT_S_DN_CN"]) == ("SUCCESS", "alice")
    assert tls.get(port, "/a.txt", client=alice).body == b"static"
    for client in (None, mallory):
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
            tls.get(port, client=client)
    # No way round it by the other port.
    for target in ("/", "/a.txt"):
        assert express.get(target).status == 403


@pytest.mark.option("ssl-verify-client", "ssl-ca-certificate-file")
def test_urls_for_clients_with_a_certificate(express: Express, authority: tls.Authority) -> None:
    """In HTTP/2 and TLS 1.3 too, where nothing can be asked for later."""
    express.write("app.py", SELF)
    express.write("doc/admin/a.txt", "static")
    express.write("doc/admin/.secret", "hidden")
    clients = tls.Authority(express.site.parent / "clients")
    alice = clients.sign("alice")
    mallory = tls.Authority(express.site.parent / "others").sign("mallory")
    port = tls.free_port()
    express.start(
        *("app.py", "--https-port", str(port), *authority.sign("site").words, "--http2"),
        *("--ssl-ca-certificate-file", str(clients.file)),
        *("--ssl-verify-client", "/admin", "--ssl-verify-client", "/private/area"),
        *("--url-alias", "/admin/files", "doc/admin", "--allow-localhost"),
        *("--server-name", "localhost"),
    )
    closed = ("/admin", "/admin/", "/admin/x", "//admin/x", "/%61dmin/x", "/x/../admin")
    closed = (*closed, "/private/area/x", "/admin/files/a.txt")
    for target in closed:
        assert tls.get(port, target).status == 403, target
        assert tls.get(port, target, name="other.example").status == 403, target
        assert express.get(target, [("Host", "localhost")]).status == 403, target
        assert express.get(target).status == 403, target
        assert tls.get(port, target, client=alice).status == 200, target
    assert tls.get(port, "/admin/files/.secret", client=alice).status == 403
    for target in ("/", "/administration", "/private/areas"):
        assert tls.get(port, target).status == 200, target
        assert express.get(target).status == 200, target
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        tls.get(port, "/", client=mallory)
    for words, status in (((), "403"), (("--cert", alice.file, "--key", alice.key), "200")):
        done = subprocess.run(
            [
                *("curl", "-sSk", "--noproxy", "*", "--http2", *words),
                *("-o", "/dev/null", "-w", "%{http_code} %{http_version}"),
                f"https://localhost:{port}/admin",
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stdout == f"{status} 2"


# What is wrong is said before anything starts


def test_certificates_that_cannot_be_used(express: Express, authority: tls.Authority) -> None:
    express.write("app.py", SELF)
    site, other = authority.sign("site"), authority.sign("other")
    folder = authority.folder

    def made(name: str, *parts: Path) -> str:
        (folder / name).write_bytes(b"".join(part.read_bytes() for part in parts))
        (folder / name).chmod(0o600)
        return str(folder / name)

    locked = str(folder / "locked.key")
    tls.openssl("pkey", "-in", site.key, "-out", locked, "-aes128", "-passout", "pass:x")
    Path(locked).chmod(0o600)
    file, key = "--ssl-certificate-file", "--ssl-certificate-key-file"
    crt = str(site.file)
    cases = (
        ((file, crt, key, str(other.key)), "does not belong to the certificate"),
        ((file, str(site.key), key, crt), "were certificate and key swapped?"),
        ((file, crt), "holds a certificate without its private key"),
        ((file, crt, key, str(other.file)), "holds no private key in PEM format"),
        ((file, crt, key, locked), "has a passphrase"),
        ((file, crt, key, f"{folder}/none"), f"{folder}/none does not exist"),
        ((file, f"{folder}/none", key, crt), f"{folder}/none does not exist"),
        (
            (file, made("order", authority.file, other.file, site.file), key, str(site.key)),
            "in the wrong order: the third is the one of the key",
        ),
        (("--ssl-certificate", f"{folder}/none"), f"{folder}/none.crt does not exist"),
        ((file, crt, key, str(site.key), "--ssl-certificate-chain-file", str(site.key)), "no cert"),
        (("--self-signed", "--ssl-ca-certificate-file", str(site.key)), "holds no certificate"),
    )
    for words, says in cases:
        done = express.refused("app.py", "--https-port", str(tls.free_port()), *words)
        assert done.returncode == 2, (words, done.stderr)
        assert says.lower() in done.stderr.lower(), (words, done.stderr)
    # Certificate, issuers and key may be in one file.
    port = tls.free_port()
    together = made("together", site.file, authority.file, site.key)
    express.start("app.py", "--https-port", str(port), file, together)
    assert tls.get(port, trusted=authority.file).status == 200


def test_certificates_that_are_remarked_upon(express: Express, authority: tls.Authority) -> None:
    express.write("app.py", SELF)
    port = ("--https-port", str(tls.free_port()), "--setup-only", "--server-name", "a.example")

    def said(pair: tls.Pair) -> str:
        done = express.run("start-server", "app.py", *port, *pair.words)
        assert done.returncode == 0, done.stderr
        return done.stderr

    good = authority.sign("good", "DNS:*.example")
    assert "certificate" not in said(good)
    soon = said(authority.sign("soon", "DNS:b.example,IP:::1", days=3))
    assert "soon.crt expires on " in soon
    assert "is not for a.example, but for b.example, ::1" in soon
    assert "has expired on" in said(authority.sign("old", "DNS:a.example", days=-1))


def test_a_certificate_needs_a_port(express: Express) -> None:
    """tests/python/test_plan.py has whatever else is refused."""
    express.write("app.py", SELF)
    done = express.refused("app.py", "--ssl-certificate", "x")
    assert done.returncode == 2
    assert "--ssl-certificate has no meaning without a port for TLS" in done.stderr
    assert "Add --https-port, such as --https-port 8443" in done.stderr


def test_the_second_port_is_looked_at_too(express: Express) -> None:
    express.write("app.py", SELF)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = express.refused("app.py", "--https-port", str(port), "--self-signed")
    assert done.returncode == 4
    assert f"Port {port} is in use" in done.stderr
    assert "another with --https-port" in done.stderr
