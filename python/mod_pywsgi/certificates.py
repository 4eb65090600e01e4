"""Certificates and keys: what is wrong with given ones, and some of our own making."""

import contextlib
import ipaddress
import os
import re
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import access
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.httpd import probe
from mod_pywsgi.identity import Identity
from mod_pywsgi.instance import is_ours
from mod_pywsgi.plan import Certificate, Plan

_DAY = 86400  # seconds
_SOON = 14 * _DAY  # before its end a certificate is remarked upon
_OWN_DAYS = 397  # the most that browsers take
_OWN_LEFT = 30 * _DAY  # and one of our own is made anew
_BLOCK = re.compile(rb"-----BEGIN ((?:TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL)
_CONFIGURATION = """\
[req]
prompt = no
distinguished_name = subject
x509_extensions = extensions
[subject]
O = Made by mod_pywsgi for development
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Facts:
    """What a certificate says.

    :param begins: seconds since the epoch, likewise ends. :param names: DNS names and addresses.
    """

    begins: float
    ends: float
    names: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        """Whether it is for a host; a wildcard stands for one label."""
        name = _canonical(name)
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names


def check(plan: Plan) -> tuple[str, ...]:
    """Look at the files that the user gave.

    :return: remarks, sentences without a full stop.
    :raises ConfigError: Apache could not use them, or others could read the key.
    """
    tls = plan.tls
    if tls is None:
        return ()
    if tls.client_authorities:
        _require_certificates(tls.client_authorities, "file of authorities")
    if tls.certificate.own_names:
        return ()
    _check_pair(tls.certificate)
    remarks = list(_about_key(tls.certificate.key, plan.identity))
    facts = read(tls.certificate.file)
    if facts:
        names = [plan.listen.only_name] if plan.listen.only_name else []
        remarks += _remarks(tls.certificate.file, facts, [*names, *plan.listen.aliases])
    return tuple(remarks)


def _check_pair(certificate: Certificate) -> None:
    """Make sure that the files can be read, are what they are said to be, and belong together."""
    file, key = certificate.file, certificate.key
    _require_certificates(file, "certificate")
    if certificate.chain:
        _require_certificates(certificate.chain, "chain of certificates")
    text = _text_of(key, "key")
    if b"PRIVATE KEY-----" not in text:
        if key == file:
            raise ConfigError(
                f"{file} holds a certificate without its private key.",
                "Name the file of the key with --ssl-certificate-key-file.",
            )
        raise ConfigError(f"{key} holds no private key in PEM format.")
    if b"ENCRYPTED" in text:
        raise ConfigError(
            f"The private key {key} has a passphrase, which nobody could type at a start.",
            f"Write it without one: openssl pkey -in {key} -out new.key",
        )
    problem = _mismatch(file, key)
    if not problem:
        return
    place = _place_of(key, text, _BLOCK.finditer(file.read_bytes()))
    if place > 1:
        raise ConfigError(
            f"The certificates in {file} are in the wrong order: the {_ordinal(place)} is the one"
            " of the key.",
            "Put the site's own certificate first, then that of its issuer, and so on.",
        )
    if problem == "KEY_VALUES_MISMATCH":
        raise ConfigError(
            f"The private key {key} does not belong to the certificate {file}.",
            "Each prints a public key, and they have to be the same:\n"
            f"openssl x509 -in {file} -noout -pubkey\nopenssl pkey -in {key} -pubout",
        )
    raise ConfigError(f"The certificate {file} with the key {key} cannot be used: {problem}.")


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _require_certificates(file: Path, what: str) -> None:
    text = _text_of(file, what)
    if _BLOCK.search(text):
        return
    swapped = b"PRIVATE KEY-----" in text
    raise ConfigError(
        f"{file} holds no certificate in PEM format{', but a private key' if swapped else ''}.",
        "Were certificate and key swapped?"
        if swapped
        else f"From DER format: openssl x509 -inform der -in {file} -out new.crt",
    )


def _text_of(file: Path, what: str) -> bytes:
    problem = access.obstacle(file)
    try:
        if not problem:
            return file.read_bytes()
    except OSError as error:
        problem = error.strerror or str(error)
    raise ConfigError(f"The {what} {file} cannot be used: {problem}.")


def _mismatch(file: Path, key: Path) -> str:
    """Why a certificate and a key cannot be used together; empty if they can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key, password=lambda: "")
    except ssl.SSLError as error:
        return error.reason or str(error)
    return ""


def _place_of(key: Path, key_text: bytes, blocks: Iterator[re.Match[bytes]]) -> int:
    """Which certificate of a file is that of the key, from 1; 0 for none."""
    with tempfile.TemporaryDirectory(prefix="mod_pywsgi-") as directory:
        for place, block in enumerate(blocks, 1):
            single = Path(directory, "single.crt")
            single.write_bytes(block[0] + b"\n")
            if not _mismatch(single, key):
                return place
    return 0


def require_closed(key: Path, identity: Identity) -> None:
    """The key is nobody's business but of who starts the server.

    :raises ConfigError: root starts it, and the application could read the key.
    """
    if identity.drops and access.as_user(identity, lambda: os.access(key, os.R_OK)):
        raise ConfigError(
            f"The application runs as {identity.user}, who can read the private key {key}.",
            f"Close it: chown root {key} && chmod 600 {key}",
        )


def _about_key(key: Path, identity: Identity) -> Iterator[str]:
    require_closed(key, identity)
    if not identity.drops and os.stat(key).st_mode & 0o004:
        yield f"every user of this machine can read the private key {key}: chmod 600 {key}"


def _remarks(file: Path, facts: Facts, names: list[str]) -> Iterator[str]:
    now = time.time()
    if facts.begins > now:
        yield f"the certificate {file} is not valid before {_day(facts.begins)}"
    if facts.ends < now:
        yield f"the certificate {file} has expired on {_day(facts.ends)}: clients refuse it"
    elif facts.ends < now + _SOON:
        yield f"the certificate {file} expires on {_day(facts.ends)}"
    for name in names:
        if not facts.is_for(name):
            yield (
                f"the certificate {file} is not for {name}, but for"
                f" {', '.join(facts.names) or 'no name at all'}"
            )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def read(file: Path) -> Facts | None:
    """What the first certificate of a file says; None where there is no openssl to read it."""
    program = shutil.which("openssl")
    if program is None:
        return None
    said = probe.run(
        program, "x509", "-in", file, "-noout", "-startdate", "-enddate", "-ext", "subjectAltName"
    ).stdout
    dates = dict(re.findall(r"^not(Before|After)=(.+)$", said, re.MULTILINE))
    try:
        begins, ends = (ssl.cert_time_to_seconds(dates[which]) for which in ("Before", "After"))
    except (KeyError, ValueError):
        return None
    names = re.findall(r"(?:DNS|IP Address):([^,\s]+)", said)
    return Facts(begins, ends, tuple(map(_canonical, names)))


def _canonical(name: str) -> str:
    """An address as it is usually written."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    return name.lower()


# Of our own making


def own(plan: Plan) -> dict[str, str]:
    """Texts of the files of a certificate of our own making, by path's name; none if none is
    wanted. The one of the last run is taken again while it does.

    :raises ConfigError: openssl is needed, and is not there or fails.
    """
    tls = plan.tls
    if tls is None or not tls.certificate.own_names:
        return {}
    certificate = tls.certificate
    paths = (certificate.file, certificate.key)
    if is_ours(plan.paths.root) and _still_does(certificate):
        with contextlib.suppress(OSError, ValueError):
            return {path.name: path.read_text("ascii") for path in paths}
    return dict(zip((path.name for path in paths), _make(certificate.own_names), strict=True))


def _still_does(certificate: Certificate) -> bool:
    if not (certificate.file.is_file() and certificate.key.is_file()):
        return False
    facts = read(certificate.file)
    return (
        facts is not None
        and facts.ends > time.time() + _OWN_LEFT
        and {_canonical(name) for name in certificate.own_names} <= set(facts.names)
        and not _mismatch(certificate.file, certificate.key)
    )


def _make(names: tuple[str, ...]) -> tuple[str, str]:
    """Certificate and key."""
    program = shutil.which("openssl")
    if program is None:
        raise ConfigError(
            "A certificate of its own making needs the program openssl, which is not installed.",
            "Install it, such as: apt-get install openssl",
        )
    with tempfile.TemporaryDirectory(prefix="mod_pywsgi-") as directory:
        file, key = Path(directory, "crt"), Path(directory, "key")
        configuration = Path(directory, "cnf")
        alternatives = ", ".join(_alternative(name) for name in names)
        configuration.write_text(_CONFIGURATION.format(name=names[0][:64], names=alternatives))
        done = probe.run(
            *(program, "req", "-x509", "-config", configuration, "-days", str(_OWN_DAYS)),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"),
            *("-out", file, "-keyout", key),
        )
        if done.returncode != 0:
            raise ConfigError(f"openssl makes no certificate for {names}.", done.stdout.strip())
        return file.read_text("ascii"), key.read_text("ascii")


def _alternative(name: str) -> str:
    is_address = ":" in name or re.fullmatch(r"[0-9.]+", name)
    return f"{'IP' if is_address else 'DNS'}:{name}"
