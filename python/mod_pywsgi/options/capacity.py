"""How many clients and requests there may be, and how much each of them may take."""

from typing import Any

from mod_pywsgi.options.model import Option, maybe, one
from mod_pywsgi.types import COUNT, FRACTION, MEMORY, NUMBER, SECONDS, buffer_size

_SECTION = "Capacity"


def _number(name: str, default: int, help: str) -> Option[int]:
    return one(name, NUMBER, default, help, section=_SECTION)


def _fraction(name: str, note: str, help: str) -> Option[float | None]:
    return maybe(name, FRACTION, help, section=_SECTION, default_note=note)


def _buffer(name: str, low: int, help: str) -> Option[int]:
    return one(name, buffer_size(low), 0, help, section=_SECTION)


MAX_CLIENTS = maybe(
    "max-clients",
    COUNT,
    "Requests that Apache handles at a time, with worker and prefork connections; never fewer than"
    " there are request threads, and rounded up to whole processes of Apache.",
    section=_SECTION,
    default_note="512; with prefork 10 + 1.5 x processes x threads, at least 20",
)
INITIAL_WORKERS = _fraction(
    "initial-workers",
    "0.2; prefork 0.05",
    "Share of --max-clients, from 0 to 1, that Apache starts with.",
)
MINIMUM_SPARE_WORKERS = _fraction(
    "minimum-spare-workers",
    "0.2; prefork 0.05",
    "Share of --max-clients that is idle at least; Apache starts more processes for it.",
)
MAXIMUM_SPARE_WORKERS = _fraction(
    "maximum-spare-workers",
    "0.6; prefork 0.1",
    "Share of --max-clients that is idle at most; Apache ends processes for it.",
)
SERVER_BACKLOG = one(
    "server-backlog",
    COUNT,
    4096,
    "Connections that may wait for Apache to accept them; the system has a limit of its own.",
    section=_SECTION,
)
DAEMON_BACKLOG = one(
    "daemon-backlog",
    COUNT,
    100,
    "Connections that may wait for an application process to accept them.",
    section=_SECTION,
)
QUEUE_SIZE = _number(
    "queue-size",
    0,
    "Requests that may wait for a thread of the application; one more is answered 503 at once;"
    " 0 any number.",
)
MAX_UNAVAILABLE = _number(
    "max-unavailable",
    0,
    "Processes that hand over to their successors at a time, when code is reloaded; 0 a quarter.",
)
MAXIMUM_REQUESTS = _number(
    "maximum-requests", 0, "Requests after which a process is replaced; 0 never."
)
MAXIMUM_REQUESTS_JITTER = _number(
    "maximum-requests-jitter",
    0,
    "The most that each process adds to maximum-requests by chance, so that not all are replaced"
    " at a time.",
)
RESTART_INTERVAL_JITTER = one(
    "restart-interval-jitter",
    SECONDS,
    0,
    "The most that each process adds to restart-interval by chance.",
    section=_SECTION,
)
RELOAD_ON_RSS = one(
    "reload-on-rss",
    MEMORY,
    "0",
    "Memory at which a process is replaced: bytes, or a share of what it may have, such as"
    " `80%`; 0 never.",
    section=_SECTION,
)
SEND_BUFFER_SIZE = _buffer(
    "send-buffer-size",
    512,
    "Send buffer of the sockets between Apache and the application; 0 for 1 MiB.",
)
RECEIVE_BUFFER_SIZE = _buffer(
    "receive-buffer-size", 512, "Receive buffer of the same; 0 for the system's."
)
HEADER_BUFFER_SIZE = _buffer(
    "header-buffer-size",
    8192,
    "Longest header line of a response; a longer one is answered 500; 0 for no limit of its own.",
)
REQUEST_BUFFER_SIZE = _number(
    "request-buffer-size",
    1048576,
    "Bytes of a request's body that are waited for before a thread of the application gets it;"
    " 0 for none.",
)
RESPONSE_BUFFER_SIZE = _buffer(
    "response-buffer-size",
    65536,
    "Bytes of a response that are kept for a client that reads slowly, so that no thread of the"
    " application waits for it; 0 for 8 MiB.",
)

OPTIONS: tuple[Option[Any], ...] = (
    MAX_CLIENTS,
    INITIAL_WORKERS,
    MINIMUM_SPARE_WORKERS,
    MAXIMUM_SPARE_WORKERS,
    SERVER_BACKLOG,
    DAEMON_BACKLOG,
    QUEUE_SIZE,
    MAX_UNAVAILABLE,
    MAXIMUM_REQUESTS,
    MAXIMUM_REQUESTS_JITTER,
    RESTART_INTERVAL_JITTER,
    RELOAD_ON_RSS,
    SEND_BUFFER_SIZE,
    RECEIVE_BUFFER_SIZE,
    HEADER_BUFFER_SIZE,
    REQUEST_BUFFER_SIZE,
    RESPONSE_BUFFER_SIZE,
)
