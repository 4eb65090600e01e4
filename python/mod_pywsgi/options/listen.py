"""Where clients connect, and under which name."""

from mod_pywsgi.options.model import flag, many, maybe, one
from mod_pywsgi.types import HOST, HOST_PATTERN, PORT, SIZE

_SECTION = "Listener"

LISTEN_HOST = maybe(
    "host",
    HOST,
    "Address to listen on.",
    section=_SECTION,
    default_note="all interfaces",
)
LISTEN_PORT = one("port", PORT, 8000, "Port to listen on.", section=_SECTION)
SERVER_NAME = maybe(
    "server-name",
    HOST,
    "Host name of the site. Requests for any other name are answered 403; for a name"
    " that begins with `www.` the name without it is redirected.",
    section=_SECTION,
    default_note="any name is served",
)
SERVER_ALIAS = many(
    "server-alias",
    HOST_PATTERN,
    "Another name of the site; `*` in it stands for any characters, `?` for one.",
    section=_SECTION,
)
ALLOW_LOCALHOST = flag(
    "allow-localhost",
    "Serve clients on this machine under any name, such as localhost, despite --server-name.",
    section=_SECTION,
)
HTTP2 = flag(
    "http2",
    "Speak HTTP/2 too: over TLS where the client offers it, and without TLS where it asks for it.",
    section=_SECTION,
)
SECURITY_HEADERS = flag(
    "security-headers",
    "Add headers that make browsers more careful, unless the application sets them itself:"
    " X-Content-Type-Options, Referrer-Policy, X-Frame-Options, Cross-Origin-Opener-Policy.",
    section=_SECTION,
)
LIMIT_REQUEST_BODY = one(
    "limit-request-body",
    SIZE,
    10485760,
    "Largest request body in bytes; 0 for no limit.",
    section=_SECTION,
)

OPTIONS = (
    LISTEN_HOST,
    LISTEN_PORT,
    SERVER_NAME,
    SERVER_ALIAS,
    ALLOW_LOCALHOST,
    HTTP2,
    SECURITY_HEADERS,
    LIMIT_REQUEST_BODY,
)
