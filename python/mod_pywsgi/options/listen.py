"""Where clients connect, and under which name."""

from mod_pywsgi.options.model import maybe, one
from mod_pywsgi.types import HOST, PORT, SIZE

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
LIMIT_REQUEST_BODY = one(
    "limit-request-body",
    SIZE,
    10485760,
    "Largest request body in bytes; 0 for no limit.",
    section=_SECTION,
)

OPTIONS = (LISTEN_HOST, LISTEN_PORT, SERVER_NAME, LIMIT_REQUEST_BODY)
