"""Where clients connect, and under which names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, listen, proxy, tls
from mod_pywsgi.settings import Settings

EVERY_INTERFACE = (None, "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_DEFAULT_PORTS = (("http", 80), ("https", 443))


@dataclass(frozen=True)
class Listen:
    """Where clients connect.

    :param address: for Listen; :param name: for ServerName; :param url: to show. The same
        for TLS have https_ before them, and are None without.
    :param shown: the host in names and URLs.
    :param only_name: the one name that is served, besides aliases; None for every name.
    :param redirect_from: name whose requests are sent to the server's name.
    :param protocols: for Protocols; none for what Apache speaks by itself.
    """

    host: str | None
    port: int
    address: str
    name: str
    shown: str
    url: str
    https_port: int | None
    https_address: str | None
    https_name: str | None
    https_url: str | None
    only_name: str | None
    aliases: tuple[str, ...]
    redirect_from: str | None
    protocols: tuple[str, ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports."""
        return (self.port,) if self.https_port is None else (self.port, self.https_port)


def decide(settings: Settings) -> Listen:
    """Decide it.

    :raises ConfigError: options contradict each other.
    """
    host, port = settings[opt.LISTEN_HOST], settings[opt.LISTEN_PORT]
    https_port = settings[tls.HTTPS_PORT]
    _check(settings)
    bracketed = f"[{host}]" if host and ":" in host else host
    only_name = settings[opt.SERVER_NAME] or (*settings[tls.ACME_DOMAIN], None)[0]
    redirect_from = _redirect_from(settings, only_name)
    shown = only_name or (bracketed if bracketed and host not in EVERY_INTERFACE else "localhost")
    name = "localhost" if shown.startswith("[") else shown  # Apache takes no IPv6 address for one
    mount = settings[opt.MOUNT_POINT].rstrip("/") + "/"
    prefix = f"{bracketed}:" if bracketed else ""
    return Listen(
        host=host,
        port=port,
        address=f"{prefix}{port}",
        name=f"{name}:{port}",
        shown=shown,
        url=base_url("http", shown, port) + mount,
        https_port=https_port,
        https_address=f"{prefix}{https_port}" if https_port else None,
        https_name=f"{name}:{https_port}" if https_port else None,
        https_url=base_url("https", shown, https_port) + mount if https_port else None,
        only_name=only_name,
        aliases=_aliases(settings, (only_name, redirect_from, *proxied_names(settings))),
        redirect_from=redirect_from,
        protocols=tuple(_protocols(settings)),
    )


def base_url(scheme: str, host: str, port: int) -> str:
    """A URL without a path."""
    return f"{scheme}://{host}" + ("" if (scheme, port) in _DEFAULT_PORTS else f":{port}")


def proxied_names(settings: Settings) -> tuple[str, ...]:
    """Names that other servers answer for."""
    return tuple(name for name, _ in settings[proxy.PROXY_VIRTUAL_HOST])


def _aliases(settings: Settings, other: tuple[str | None, ...]) -> tuple[str, ...]:
    names = [*settings[listen.SERVER_ALIAS], *settings[tls.ACME_DOMAIN]]
    return tuple(name for name in dict.fromkeys(names) if name not in other)


def _redirect_from(settings: Settings, only_name: str | None) -> str | None:
    """The name without www., unless it is a name of the site too."""
    if not only_name or not only_name.startswith("www."):
        return None
    short = only_name.removeprefix("www.")
    return None if short in settings[listen.SERVER_ALIAS] else short


def _protocols(settings: Settings) -> Iterator[str]:
    """In order of preference."""
    http2 = settings[listen.HTTP2]
    has_challenges = bool(settings[tls.ACME_DOMAIN])
    if http2:
        yield from ("h2", "h2c")
    if http2 or has_challenges:
        yield "http/1.1"
    if has_challenges:
        yield "acme-tls/1"


def _check(settings: Settings) -> None:
    if settings[tls.HTTPS_PORT] == settings[opt.LISTEN_PORT]:
        raise ConfigError(
            f"--port and --https-port are both {settings[opt.LISTEN_PORT]}.",
            "Choose two: a port speaks either TLS or not.",
        )
    if settings[opt.SERVER_NAME] or settings[tls.ACME_DOMAIN]:
        return
    without_name: tuple[Option[Any], ...] = (listen.SERVER_ALIAS, listen.ALLOW_LOCALHOST)
    for option in without_name:
        if settings[option]:
            raise ConfigError(
                f"{settings.source(option)} has no meaning without --server-name: every name is"
                " served already.",
                "Give the server a name with --server-name, or leave it out.",
            )
