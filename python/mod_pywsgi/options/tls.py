"""TLS: certificates, who has to have one, what is told to browsers."""

from typing import Any

from mod_pywsgi.options.model import Option, flag, many, maybe
from mod_pywsgi.types import DOMAIN, FILE, HSTS, HTTPS_URL, MAIL, PORT, URL_PATH

_SECTION = "TLS"

HTTPS_PORT = maybe(
    "https-port",
    PORT,
    "Second port, for TLS; it needs a certificate, by one of the options below.",
    section=_SECTION,
    default_note="no TLS",
    aliases=("ssl-port",),
)
SELF_SIGNED = flag(
    "self-signed",
    "For development: use a certificate of its own making, which browsers warn of. It is kept in"
    " the server root, and is for the server's name, localhost and 127.0.0.1.",
    section=_SECTION,
)
SSL_CERTIFICATE = maybe(
    "ssl-certificate",
    FILE,
    "Certificate and key by the path that they share: FILE.crt and FILE.key.",
    section=_SECTION,
)
SSL_CERTIFICATE_FILE = maybe(
    "ssl-certificate-file",
    FILE,
    "Certificate in PEM format; the ones of its issuers may follow it in the file.",
    section=_SECTION,
)
SSL_CERTIFICATE_KEY_FILE = maybe(
    "ssl-certificate-key-file",
    FILE,
    "Private key of the certificate, without a passphrase.",
    section=_SECTION,
    default_note="the file of the certificate holds it",
)
SSL_CERTIFICATE_CHAIN_FILE = maybe(
    "ssl-certificate-chain-file",
    FILE,
    "Certificates of the issuers, where the file of the certificate does not hold them.",
    section=_SECTION,
)
ACME_DOMAIN = many(
    "acme-domain",
    DOMAIN,
    "Name to get a certificate for, and to renew it, from an authority that speaks ACME, such as"
    " Let's Encrypt, whose terms are accepted thereby. The first one is the server's name too.",
    section=_SECTION,
)
ACME_EMAIL = maybe(
    "acme-email",
    MAIL,
    "Address that the authority may write to; it insists on one.",
    section=_SECTION,
)
ACME_DIRECTORY = maybe(
    "acme-directory",
    HTTPS_URL,
    "URL of the authority's directory.",
    section=_SECTION,
    default_note="Let's Encrypt",
)
HTTPS_ONLY = flag(
    "https-only",
    "Answer on the other port with a redirect to HTTPS (308), which keeps path and query.",
    section=_SECTION,
)
HSTS_POLICY = maybe(
    "hsts-policy",
    HSTS,
    "Strict-Transport-Security header of every answer over TLS, such as `max-age=31536000`.",
    section=_SECTION,
)
SSL_CA_CERTIFICATE_FILE = maybe(
    "ssl-ca-certificate-file",
    FILE,
    "Certificates of the authorities that sign those of clients: a client without one is refused.",
    section=_SECTION,
)
SSL_VERIFY_CLIENT = many(
    "ssl-verify-client",
    URL_PATH,
    "URL below which clients need a certificate; any other then takes everybody.",
    section=_SECTION,
    default_note="the whole site, with --ssl-ca-certificate-file",
)
SSL_ENVIRONMENT = flag(
    "ssl-environment",
    "Tell the application about the connection and certificates, by variables SSL_*.",
    section=_SECTION,
)

OPTIONS: tuple[Option[Any], ...] = (
    HTTPS_PORT,
    SELF_SIGNED,
    SSL_CERTIFICATE,
    SSL_CERTIFICATE_FILE,
    SSL_CERTIFICATE_KEY_FILE,
    SSL_CERTIFICATE_CHAIN_FILE,
    ACME_DOMAIN,
    ACME_EMAIL,
    ACME_DIRECTORY,
    HTTPS_ONLY,
    HSTS_POLICY,
    SSL_CA_CERTIFICATE_FILE,
    SSL_VERIFY_CLIENT,
    SSL_ENVIRONMENT,
)
