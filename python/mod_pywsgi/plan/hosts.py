"""The virtual hosts: which names are served at which port, and what becomes of others."""

from collections.abc import Iterator
from dataclasses import dataclass

from mod_pywsgi.options import listen as _options
from mod_pywsgi.plan.listen import Listen, base_url
from mod_pywsgi.plan.proxy import Host
from mod_pywsgi.plan.tls import Certificate, Tls
from mod_pywsgi.settings import Settings

# What Apache puts the name for that the client has asked for.
_SAME_NAME = "%{SERVER_NAME}"


@dataclass(frozen=True)
class Site:
    """A virtual host.

    :param does: "serve", "redirect", "refuse", "local": serve clients on this machine, or "proxy":
        pass all on to the target.
    :param name: for ServerName; None: it is the first at its port, for every other name.
    :param target: of a redirect: a URL without a path.
    :param tls: whether it speaks TLS. :param certificate: None: there is one for it by ACME.
    :param hsts: the header Strict-Transport-Security.
    """

    does: str
    port: int
    name: str | None
    aliases: tuple[str, ...] = ()
    target: str | None = None
    tls: bool = False
    certificate: Certificate | None = None
    hsts: str | None = None


@dataclass(frozen=True)
class _Door:
    """A port.

    :param scheme: spoken here; :param leads_to: where clients should go with that name.
    """

    port: int
    name: str
    scheme: str
    leads_to: str | None
    tls: Tls | None


def decide(
    settings: Settings, listen: Listen, tls: Tls | None, proxied: tuple[Host, ...]
) -> tuple[Site, ...]:
    """Decide them, in the order in which Apache looks at them; none if none is needed.

    :param proxied: the hosts that other servers answer for.
    """
    others = "local" if settings[_options.ALLOW_LOCALHOST] else "refuse"
    return tuple(
        site for door in _doors(listen, tls) for site in _sites(listen, door, others, proxied)
    )


def _doors(listen: Listen, tls: Tls | None) -> Iterator[_Door]:
    https = listen.https_port
    leads_to = base_url("https", _SAME_NAME, https) if https and tls and tls.only else None
    yield _Door(listen.port, listen.name, "http", leads_to, None)
    if https and listen.https_name:
        yield _Door(https, listen.https_name, "https", None, tls)


def _sites(listen: Listen, door: _Door, others: str, proxied: tuple[Host, ...]) -> Iterator[Site]:
    tls = door.tls
    if listen.only_name:
        own = tls.certificate if tls else None
        yield Site(others, door.port, None, tls=tls is not None, certificate=own)
        yield from _from_short_name(listen, door)
    elif not (tls or door.leads_to or proxied):
        return  # every name is served: the server needs no virtual host for that
    site = Site(
        does="redirect" if door.leads_to else "serve",
        port=door.port,
        name=door.name,
        aliases=listen.aliases,
        target=door.leads_to,
        tls=tls is not None,
        certificate=_certificate(tls, listen.only_name),
        hsts=tls.hsts if tls else None,
    )
    if not listen.only_name:
        yield site  # which is the first, and answers for every other name
    for host in proxied:
        yield Site(
            does="redirect" if door.leads_to else "proxy",
            port=door.port,
            name=host.name,
            target=door.leads_to or host.target,
            tls=tls is not None,
            certificate=_certificate(tls, host.name),
            hsts=tls.hsts if tls else None,
        )
    if listen.only_name:
        yield site  # behind the others: an alias with * may cover their names


def _from_short_name(listen: Listen, door: _Door) -> Iterator[Site]:
    short, tls = listen.redirect_from, door.tls
    if not (short and listen.only_name):
        return
    is_https = tls is not None or door.leads_to is not None
    port = listen.https_port if is_https and listen.https_port else listen.port
    yield Site(
        does="redirect",
        port=door.port,
        name=short,
        target=base_url("https" if is_https else "http", listen.only_name, port),
        tls=tls is not None,
        certificate=_certificate(tls, short),
        hsts=tls.hsts if tls else None,
    )


def _certificate(tls: Tls | None, name: str | None) -> Certificate | None:
    """That of a name; None where there is none, or where it comes by ACME."""
    if tls is None or (tls.acme and name in tls.acme.domains):
        return None
    return tls.certificate
