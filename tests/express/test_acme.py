"""mod-pywsgi-express: a certificate from an authority that speaks ACME: pebble, a real one, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import machine, procs, tls, wait
from support.express import Express

# The command starts Apache itself, with nothing preloaded.
pytestmark = [
    pytest.mark.no_asan,
    pytest.mark.skipif(
        not (shutil.which("pebble") and shutil.which("pebble-challtestsrv")),
        reason="there is no pebble (a package of Debian and Ubuntu)",
    ),
    pytest.mark.skipif(
        not machine.find_apache().has_module("md"), reason="this Apache has no mod_md"
    ),
]

APP = """
import glob, os
def application(environ, start_response):
    keys = []
    for path in glob.glob(environ["QUERY_STRING"] + "/md/**", recursive=True):
        if os.path.isfile(path) and "key" in os.path.basename(path):
            try:
                keys.append(open(path).read())
            except PermissionError:
                pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.url_scheme"].encode(), b" ", repr(keys).encode()]
"""


@dataclass(frozen=True)
class Pebble:
    """An authority that runs. `file` is what its own web server is known by."""

    directory: str
    management: int
    file: Path

    def root(self, folder: Path) -> Path:
        """The certificate that it signs with."""
        found = folder / "pebble.crt"
        answer = tls.get(self.management, "/roots/0", trusted=self.file)
        found.write_bytes(answer.body)
        return found


@contextlib.contextmanager
def pebble(folder: Path, http: int, https: int) -> Iterator[Pebble]:
    """:param http: where it looks for port 80 of every name, likewise https for 443."""
    authority = tls.Authority(folder)
    own = authority.sign("localhost")
    dns, api, management, other = (tls.free_port() for _ in range(4))
    config = folder / "pebble.json"
    config.write_text(
        json.dumps(
            {
                "pebble": {
                    "listenAddress": f"127.0.0.1:{api}",
                    "managementListenAddress": f"127.0.0.1:{management}",
                    "certificate": str(own.file),
                    "privateKey": str(own.key),
                    "httpPort": http,
                    "tlsPort": https,
                }
            }
        )
    )
    names = ["pebble-challtestsrv", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"]
    names += ["-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{other}"]
    names += ["-http01", "", "-https01", "", "-tlsalpn01", ""]
    server = ["pebble", "-config", str(config), "-dnsserver", f"127.0.0.1:{dns}"]
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    running = []
    with (folder / "pebble.log").open("wb") as log:
        for command in (names, server):
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, preexec_fn=procs.die_with_parent
            )
            procs.own(process.pid)
            running.append(process)
    try:
        wait.until(lambda: is_up(management), "pebble to answer")
        yield Pebble(f"https://127.0.0.1:{api}/dir", management, authority.file)
    finally:
        for process in running:
            process.kill()
            process.wait()
            procs.disown(process.pid)


def is_up(port: int) -> bool:
    with contextlib.suppress(OSError, EOFError):
        return tls.get(port, "/roots/0").status == 200
    return False


@pytest.mark.option("acme-domain", "acme-email", "acme-directory")
def test_a_certificate_arrives_and_is_taken_into_use(express: Express) -> None:
    express.write("app.py", APP)
    folder = express.site.parent / "acme"
    http, https = machine.Port(), tls.free_port()
    with pebble(folder, http.number, https) as authority:
        express.write("ca.conf", f'MDCACertificateFile "{authority.file}"\n')
        http.release()
        express.start(
            *("app.py", "--https-port", str(https), "--https-only", "--http2"),
            *("--acme-domain", "www.a.example", "--acme-domain", "a.example"),
            *("--acme-email", "me@a.example", "--acme-directory", authority.directory),
            *("--include-file", "ca.conf"),
            port=http.number,
        )
        trusted = authority.root(folder)

        def is_certified() -> bool:
            with contextlib.suppress(ssl.SSLError, ConnectionError, EOFError):
                return tls.get(https, name="www.a.example", trusted=trusted).status == 200
            return False

        wait.until(is_certified, f"a certificate\n{express.story()}", timeout=150)
    assert "there is a new certificate: graceful restart" in express.output
    answer = tls.get(https, f"/?{express.root}", name="www.a.example", trusted=trusted)
    if os.geteuid() == 0:
        assert answer.body == b"https []"
    moved = tls.get(https, "/x", name="a.example", trusted=trusted)
    assert moved.header("Location") == f"https://www.a.example:{https}/x"
    # Any other name is refused, by a certificate that tells nothing of ours.
    assert tls.get(https, name="other.example").status == 403
    with pytest.raises(ssl.SSLCertVerificationError):
        tls.get(https, name="other.example", trusted=trusted)
