"""TLS: which certificate, who has to have one, what is spoken."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, tls
from mod_pywsgi.options import listen as _listen
from mod_pywsgi.plan.listen import Listen, proxied_names
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings

# Mozilla's "intermediate" set of 2023 without the ciphers that need DH parameters.
CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
_SOURCES: tuple[Option[Any], ...] = (
    tls.SSL_CERTIFICATE,
    tls.SSL_CERTIFICATE_FILE,
    tls.SELF_SIGNED,
    tls.ACME_DOMAIN,
)
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """Files in PEM format.

    :param key: may be the same file. :param chain: the issuers', where they have their own.
    :param own_names: set where it is of our own making: whom it is for.
    """

    file: Path
    key: Path
    chain: Path | None = None
    own_names: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.file, self.key, *([self.chain] if self.chain else []))


@dataclass(frozen=True)
class Acme:
    """What is asked of an authority.

    :param directory: its URL; None for Apache's default. :param store: keys and certificates.
    :param ports: what the authority's ports 80 and 443 are here, for MDPortMap.
    """

    domains: tuple[str, ...]
    email: str
    directory: str | None
    store: Path
    ports: tuple[str, ...]


@dataclass(frozen=True)
class Tls:
    """How TLS is spoken.

    :param certificate: with acme, that of unknown names only.
    :param client_authorities: those that sign certificates of clients; None: nobody is asked.
    :param verify_client: for SSLVerifyClient; :param verified_urls: where they must have one.
    :param environment: whether the application gets SSL_* variables.
    """

    certificate: Certificate
    acme: Acme | None
    ciphers: str
    client_authorities: Path | None
    verify_client: str
    verified_urls: tuple[str, ...]
    hsts: str | None
    only: bool
    environment: bool


def decide(settings: Settings, paths: Paths, listen: Listen) -> Tls | None:
    """Decide it; None without TLS.

    :raises ConfigError: options contradict each other, or one of them needs another.
    """
    _require_port(settings)
    if settings[tls.HTTPS_PORT] is None:
        return None
    authorities = settings[tls.SSL_CA_CERTIFICATE_FILE]
    if settings[tls.SSL_VERIFY_CLIENT] and not authorities:
        raise ConfigError(
            f"{settings.source(tls.SSL_VERIFY_CLIENT)} needs to know who signs certificates of"
            " clients.",
            f"Name the file with {tls.SSL_CA_CERTIFICATE_FILE.flag}.",
        )
    _require_plain_urls(settings)
    certificate = _certificate(settings, paths, listen)
    return Tls(
        certificate=certificate,
        acme=_acme(settings, paths, listen),
        ciphers=CIPHERS,
        client_authorities=authorities,
        # Asked for at the start of the connection: in HTTP/2 and TLS 1.3 there is no later.
        verify_client="optional" if settings[tls.SSL_VERIFY_CLIENT] else "require",
        verified_urls=(settings[tls.SSL_VERIFY_CLIENT] or ("/",)) if authorities else (),
        hsts=settings[tls.HSTS_POLICY],
        only=settings[tls.HTTPS_ONLY],
        environment=settings[tls.SSL_ENVIRONMENT],
    )


def _require_plain_urls(settings: Settings) -> None:
    """What Apache compares decoded, and with wildcards, would leave open what seems to be closed."""
    for url in settings[tls.SSL_VERIFY_CLIENT]:
        if re.search(r"[*?\[\]\\]|%[0-9A-Fa-f]{2}", url):
            raise ConfigError(
                f"{settings.source(tls.SSL_VERIFY_CLIENT)} takes a URL as it stands, without"
                f" wildcards and %XX, not {url}.",
                "Name the URL above those that you mean; a character that a URL has as %XX is"
                " written as itself.",
            )


def _require_port(settings: Settings) -> None:
    if settings[tls.HTTPS_PORT] is not None:
        return
    for option in tls.OPTIONS:
        if settings[option]:
            raise ConfigError(
                f"{settings.source(option)} has no meaning without a port for TLS.",
                f"Add {tls.HTTPS_PORT.flag}, such as {tls.HTTPS_PORT.flag} 8443.",
            )


def _certificate(settings: Settings, paths: Paths, listen: Listen) -> Certificate:
    """The one that is given, or of our own making."""
    sources = [settings.source(option) for option in _SOURCES if settings[option]]
    if len(sources) > 1:
        raise ConfigError(
            f"{' and '.join(sources)} exclude each other: the server has one certificate.",
            "Leave all but one out.",
        )
    if not sources:
        raise ConfigError(
            f"{settings.source(tls.HTTPS_PORT)} needs a certificate.",
            "While you develop: --self-signed\n"
            "From files:        --ssl-certificate-file FILE --ssl-certificate-key-file FILE\n"
            "From an authority: --acme-domain NAME --acme-email ADDRESS",
        )
    given = given_certificate(settings)
    return given or Certificate(
        paths.own_certificate, paths.own_key, own_names=_names(settings, listen)
    )


def given_certificate(settings: Settings) -> Certificate | None:
    """The one whose files are named; None without.

    :raises ConfigError: a key or a chain is named, and no certificate.
    """
    _require_certificate_file(settings)
    base, file = settings[tls.SSL_CERTIFICATE], settings[tls.SSL_CERTIFICATE_FILE]
    if file is not None:
        key = settings[tls.SSL_CERTIFICATE_KEY_FILE] or file
        return Certificate(file, key, settings[tls.SSL_CERTIFICATE_CHAIN_FILE])
    return Certificate(Path(f"{base}.crt"), Path(f"{base}.key")) if base is not None else None


def _require_certificate_file(settings: Settings) -> None:
    if settings[tls.SSL_CERTIFICATE_FILE]:
        return
    for option in (tls.SSL_CERTIFICATE_KEY_FILE, tls.SSL_CERTIFICATE_CHAIN_FILE):
        if settings[option]:
            raise ConfigError(
                f"{settings.source(option)} goes with a certificate that"
                f" {tls.SSL_CERTIFICATE_FILE.flag} names.",
                f"Add {tls.SSL_CERTIFICATE_FILE.flag}.",
            )


def _names(settings: Settings, listen: Listen) -> tuple[str, ...]:
    """Whom a certificate of our own making is for."""
    names = [listen.shown.strip("[]"), *listen.aliases, *_OWN_NAMES]
    if listen.redirect_from:
        names.append(listen.redirect_from)
    names += proxied_names(settings)
    # In a certificate, a wildcard is the whole of the first label.
    return tuple(
        name
        for name in dict.fromkeys(names)
        if not any(mark in name.removeprefix("*.") for mark in "*?")
    )


def _acme(settings: Settings, paths: Paths, listen: Listen) -> Acme | None:
    given = settings[tls.ACME_DOMAIN]
    domains = tuple(dict.fromkeys(given))
    email = settings[tls.ACME_EMAIL]
    if not domains:
        for option in (tls.ACME_EMAIL, tls.ACME_DIRECTORY):
            if settings[option]:
                raise ConfigError(
                    f"{settings.source(option)} has no meaning without {tls.ACME_DOMAIN.flag}.",
                    f"Say for which name a certificate is wanted: {tls.ACME_DOMAIN.flag} NAME",
                )
        return None
    if not email:
        raise ConfigError(
            f"{settings.source(tls.ACME_DOMAIN)} needs an address that the authority may write to.",
            f"Add {tls.ACME_EMAIL.flag} ADDRESS.",
        )
    _require_covered(settings, domains, listen)
    return Acme(
        domains=domains,
        email=email,
        directory=settings[tls.ACME_DIRECTORY],
        store=paths.acme,
        ports=(f"80:{listen.port}", f"443:{listen.https_port}"),
    )


def _require_covered(settings: Settings, domains: tuple[str, ...], listen: Listen) -> None:
    """Every name that is served has to be in the certificate."""
    own = (listen.only_name,) if listen.only_name else ()
    given: tuple[tuple[Option[Any], tuple[str, ...]], ...] = (
        (opt.SERVER_NAME, own),
        (_listen.SERVER_ALIAS, settings[_listen.SERVER_ALIAS]),
    )
    for option, names in given:
        for name in names:
            if name not in domains:
                raise ConfigError(
                    f"{settings.source(option)} {name} is not among the names that"
                    f" {tls.ACME_DOMAIN.flag} gets a certificate for.",
                    f"Add {tls.ACME_DOMAIN.flag} for it; a name with * has to be left out.",
                )
