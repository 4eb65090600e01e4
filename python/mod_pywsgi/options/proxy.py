"""Servers behind this one, and servers before it."""

from mod_pywsgi.options.model import many, maybe
from mod_pywsgi.types import NETWORK, PROXIED_HOST, PROXIED_PATH, SECONDS, word_of

_SECTION = "Proxies"

# What the module knows: docs/directives.md, WSGITrustedProxyHeaders.
_HEADERS = (
    "X-Forwarded-For",
    "X-Client-IP",
    "X-Real-IP",
    "X-Forwarded-Host",
    "X-Host",
    "X-Forwarded-Server",
    "X-Forwarded-Port",
    "X-Script-Name",
    "X-Forwarded-Script-Name",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Scheme",
    "X-Forwarded-HTTPS",
    "X-Forwarded-SSL",
    "X-HTTPS",
)

PROXY_MOUNT_POINT = many(
    "proxy-mount-point",
    PROXIED_PATH,
    "Pass what is below a URL path on to another server, WebSockets too.",
    section=_SECTION,
    separator="\n",  # ":" is part of them
    aliases=("proxy-url-alias",),
)
PROXY_VIRTUAL_HOST = many(
    "proxy-virtual-host",
    PROXIED_HOST,
    "Pass all requests for a host name on to another server, WebSockets too.",
    section=_SECTION,
    separator="\n",  # ":" is part of them
)
PROXY_TIMEOUT = maybe(
    "proxy-timeout",
    SECONDS,
    "Time for one read or write between Apache and such a server.",
    section=_SECTION,
    default_note="that of `--socket-timeout`",
)
TRUST_PROXY_HEADER = many(
    "trust-proxy-header",
    word_of("HEADER", _HEADERS),
    "Believe this header of a proxy in front, such as `X-Forwarded-For`, `X-Forwarded-Proto` or"
    " `X-Forwarded-Host`, about the client, scheme or host ([directives.md](directives.md)).",
    section=_SECTION,
)
TRUST_PROXY = many(
    "trust-proxy",
    NETWORK,
    "Address or network of the proxies that are believed.",
    section=_SECTION,
    separator="\n",  # ":" is part of them
    default_note="whoever connects",
)

OPTIONS = (
    PROXY_MOUNT_POINT,
    PROXY_VIRTUAL_HOST,
    PROXY_TIMEOUT,
    TRUST_PROXY_HEADER,
    TRUST_PROXY,
)
