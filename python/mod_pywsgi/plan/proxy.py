"""Servers behind this one, and servers before it."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import proxy, timeouts
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.settings import Settings

_KNOWS_UPGRADES = (2, 4, 47)


@dataclass(frozen=True)
class Mount:
    """A URL path that another server answers for; the target has no slash at its end."""

    url: str
    target: str

    @property
    def prefix(self) -> str:
        """The path with a slash at its end."""
        return self.url.rstrip("/") + "/"


@dataclass(frozen=True)
class Host:
    """A host name that another server answers for; the target has no slash at its end."""

    name: str
    target: str


@dataclass(frozen=True)
class Proxy:
    """Servers behind this one, and servers before it.

    :param timeout: in seconds.
    :param upgrades: whether this Apache passes WebSockets on.
    :param certificates: of authorities whose servers are believed; None where there is no TLS.
    """

    mounts: tuple[Mount, ...]
    hosts: tuple[Host, ...]
    timeout: int
    upgrades: bool
    certificates: Path | None
    trusted_headers: tuple[str, ...]
    trusted_proxies: tuple[str, ...]


def decide(settings: Settings, facts: Facts, listen: Listen) -> Proxy:
    """Decide it.

    :raises ConfigError: a name is taken twice, or TLS cannot be checked.
    """
    settings.require_once(proxy.PROXY_MOUNT_POINT)
    mounts = [Mount(*given) for given in settings[proxy.PROXY_MOUNT_POINT]]
    hosts = tuple(Host(*given) for given in settings[proxy.PROXY_VIRTUAL_HOST])
    _check_names(hosts, listen)
    targets = [mount.target for mount in mounts] + [host.target for host in hosts]
    timeout = settings[proxy.PROXY_TIMEOUT]
    return Proxy(
        # Apache takes the first that matches.
        mounts=tuple(sorted(mounts, key=lambda mount: mount.url, reverse=True)),
        hosts=hosts,
        timeout=(settings[timeouts.SOCKET_TIMEOUT] or 60) if timeout is None else timeout,
        upgrades=facts.httpd.version >= _KNOWS_UPGRADES,
        certificates=_certificates(facts, targets),
        trusted_headers=settings[proxy.TRUST_PROXY_HEADER],
        trusted_proxies=settings[proxy.TRUST_PROXY],
    )


def needs_tls(settings: Settings) -> bool:
    """Whether a server behind is spoken to by TLS."""
    given = (*settings[proxy.PROXY_MOUNT_POINT], *settings[proxy.PROXY_VIRTUAL_HOST])
    return any(target.startswith("https:") for _, target in given)


def _check_names(hosts: tuple[Host, ...], listen: Listen) -> None:
    own = (listen.only_name, listen.redirect_from)
    taken = {name.lower() for name in own if name}
    for host in hosts:
        if host.name.lower() in taken:
            raise ConfigError(
                f"--proxy-virtual-host {host.name}: another site has this name already.",
                "Give each site a name of its own.",
            )
        taken.add(host.name.lower())


def _certificates(facts: Facts, targets: list[str]) -> Path | None:
    if not any(target.startswith("https:") for target in targets):
        return None
    found = facts.httpd.certificates
    if found is None:
        raise ConfigError(
            "The certificate of an https:// server cannot be checked: this system has no file of"
            " certificate authorities.",
            "Install the package ca-certificates.",
        )
    return found


def remarks(settings: Settings, facts: Facts) -> list[str]:
    """What the user should be told, though nothing is wrong."""
    found = []
    if settings[proxy.TRUST_PROXY_HEADER] and not settings[proxy.TRUST_PROXY]:
        found.append(
            "every client is believed about --trust-proxy-header; --trust-proxy ADDRESS believes"
            " your proxy only"
        )
    if settings[proxy.TRUST_PROXY] and not settings[proxy.TRUST_PROXY_HEADER]:
        found.append("--trust-proxy has no effect without --trust-proxy-header")
    passes_on = settings[proxy.PROXY_MOUNT_POINT] or settings[proxy.PROXY_VIRTUAL_HOST]
    if settings[proxy.PROXY_TIMEOUT] is not None and not passes_on:
        found.append("--proxy-timeout has no effect without --proxy-mount-point")
    if passes_on and facts.httpd.version < _KNOWS_UPGRADES:
        found.append("WebSockets are not passed on: that needs Apache 2.4.47")
    return found
