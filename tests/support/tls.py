"""Certificates for tests, made by the program openssl, and clients that speak TLS."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support import raw
from support.machine import Port

_SECTIONS = """
[req]
prompt = no
distinguished_name = subject
[subject]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {names}
"""


def openssl(*words: str | Path) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    file: Path
    key: Path

    @property
    def words(self) -> tuple[str, ...]:
        """Options that serve it."""
        return (
            *("--ssl-certificate-file", str(self.file)),
            *("--ssl-certificate-key-file", str(self.key)),
        )


class Authority:
    """Signs certificates; `file` is its own."""

    def __init__(self, folder: Path, signer: Pair | None = None) -> None:
        """:param signer: what this one signs with; None for a certificate of its own."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        self.folder = folder
        own = signer or self._pair(folder.name, "DNS:authority.example", "ca", "3650", ())
        self.file, self._key = own.file, own.key

    def sign(
        self,
        name: str,
        names: str = "DNS:localhost,IP:127.0.0.1",
        days: int = 90,
        kind: str = "leaf",
    ) -> Pair:
        return self._pair(name, names, kind, str(days), ("-CA", self.file, "-CAkey", self._key))

    def _pair(
        self, name: str, names: str, kind: str, days: str, signer: tuple[str | Path, ...]
    ) -> Pair:
        made = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        sections = self.folder / f"{name}.cnf"
        sections.write_text(_SECTIONS.format(name=name, names=names))
        request = self.folder / f"{name}.csr"
        openssl(
            *("req", "-new", "-config", sections, "-nodes", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", made.key, "-out", request),
        )
        signer = signer or ("-signkey", made.key)
        openssl(
            *("x509", "-req", "-in", request, "-extfile", sections, "-extensions", kind),
            *("-days", days, "-out", made.file, *signer),
        )
        made.key.chmod(0o600)
        return made


def context(trusted: Path | None, client: Pair | None = None) -> ssl.SSLContext:
    """Of a client; without anybody trusted, everybody is."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        made.load_verify_locations(trusted)
    if client is not None:
        made.load_cert_chain(client.file, client.key)
    return made


class Connection(raw.Connection):
    """Of one that speaks TLS, and asks for a name by SNI."""

    sock: ssl.SSLSocket

    def __init__(self, port: int, name: str | None, how: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port)
        self.sock = how.wrap_socket(self.sock, server_hostname=name)


def get(
    port: int,
    target: str = "/",
    *,
    trusted: Path | None = None,
    client: Pair | None = None,
    name: str = "localhost",
    headers: raw.Headers = (),
) -> raw.Response:
    """One request by a new connection; the name is asked for by SNI and Host."""
    with Connection(port, name, context(trusted, client)) as connection:
        return connection.request("GET", target, (("Host", f"{name}:{port}"), *headers))


def free_port() -> int:
    """A port that was free a moment ago."""
    port = Port()
    port.release()
    return port.number
