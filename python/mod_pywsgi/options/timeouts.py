"""How long things may take. Every timeout is in seconds unless its row says otherwise."""

from mod_pywsgi.options.model import Option, many, one
from mod_pywsgi.types import MILLISECONDS, RATE, SECONDS, URL_PATH

_SECTION = "Timeouts"


def _seconds(name: str, default: int, help: str) -> Option[int]:
    return one(name, SECONDS, default, help, section=_SECTION)


STARTUP_TIMEOUT = _seconds("startup-timeout", 15, "Time for the application to load.")
SHUTDOWN_TIMEOUT = _seconds("shutdown-timeout", 5, "Time for a process to end before it is killed.")
STOP_TIMEOUT = _seconds(
    "stop-timeout",
    8,  # docker stop waits 10
    "Time for running requests when the server stops: at SIGTERM to a `start-server` without a"
    " terminal, and at `apachectl graceful-stop`; 0: SIGTERM cuts them.",
)
RESTART_INTERVAL = _seconds("restart-interval", 0, "Age at which a process is replaced; 0 never.")
CPU_TIME_LIMIT = _seconds(
    "cpu-time-limit", 0, "CPU time after which a process is replaced; 0 never."
)
GRACEFUL_TIMEOUT = _seconds(
    "graceful-timeout", 15, "Time for running requests when a process is replaced."
)
EVICTION_TIMEOUT = _seconds(
    "eviction-timeout",
    0,
    "The same when the replacement is ordered by a signal; 0 means graceful-timeout.",
)
DEADLOCK_TIMEOUT = _seconds(
    "deadlock-timeout", 60, "Time that Python may be stuck before a process is ended."
)
INACTIVITY_TIMEOUT = _seconds(
    "inactivity-timeout", 0, "Idle time after which a process is replaced; 0 never."
)
IGNORE_ACTIVITY = many(
    "ignore-activity",
    URL_PATH,
    "URL below which requests do not count for inactivity-timeout.",
    section=_SECTION,
)
REQUEST_TIMEOUT = _seconds("request-timeout", 60, "Time for one request, then 504; 0 no limit.")
INTERRUPT_TIMEOUT = _seconds(
    "interrupt-timeout",
    0,
    "Time for a request to handle the exception that request-timeout raises; 0 raises none.",
)
CONNECT_TIMEOUT = _seconds(
    "connect-timeout", 15, "Time to find an application process that takes the request."
)
SOCKET_TIMEOUT = _seconds(
    "socket-timeout", 60, "Time for one read or write, on the client's and the inner socket."
)
QUEUE_TIMEOUT = _seconds(
    "queue-timeout", 45, "Time that a request may wait before it is picked up."
)
HEADER_TIMEOUT = _seconds("header-timeout", 15, "Time for the request headers to arrive.")
HEADER_MAX_TIMEOUT = _seconds(
    "header-max-timeout", 30, "The same for a client that keeps up header-min-rate."
)
HEADER_MIN_RATE = one(
    "header-min-rate",
    RATE,
    500,
    "Bytes that extend header-timeout by a second.",
    section=_SECTION,
)
BODY_TIMEOUT = _seconds("body-timeout", 15, "Time for the first bytes of a request body.")
BODY_MAX_TIMEOUT = _seconds(
    "body-max-timeout", 0, "The same for a client that keeps up body-min-rate; 0 no limit."
)
BODY_MIN_RATE = one(
    "body-min-rate", RATE, 500, "Bytes that extend body-timeout by a second.", section=_SECTION
)
KEEP_ALIVE_TIMEOUT = _seconds(
    "keep-alive-timeout", 2, "Time that an idle connection is kept open; 0 closes it at once."
)
RESPONSE_SOCKET_TIMEOUT = _seconds(
    "response-socket-timeout",
    0,
    "Time for one write of the response to the client; 0 means socket-timeout.",
)
RESPONSE_FLUSH_DELAY = one(
    "response-flush-delay",
    MILLISECONDS,
    0,  # not mod_wsgi-express's 5: lingering costs streamed responses a tenth of their throughput
    "How long to wait for more of a response before it is flushed, in milliseconds.",
    section=_SECTION,
)

OPTIONS = (
    STARTUP_TIMEOUT,
    SHUTDOWN_TIMEOUT,
    STOP_TIMEOUT,
    RESTART_INTERVAL,
    CPU_TIME_LIMIT,
    GRACEFUL_TIMEOUT,
    EVICTION_TIMEOUT,
    DEADLOCK_TIMEOUT,
    INACTIVITY_TIMEOUT,
    IGNORE_ACTIVITY,
    REQUEST_TIMEOUT,
    INTERRUPT_TIMEOUT,
    CONNECT_TIMEOUT,
    SOCKET_TIMEOUT,
    QUEUE_TIMEOUT,
    HEADER_TIMEOUT,
    HEADER_MAX_TIMEOUT,
    HEADER_MIN_RATE,
    BODY_TIMEOUT,
    BODY_MAX_TIMEOUT,
    BODY_MIN_RATE,
    KEEP_ALIVE_TIMEOUT,
    RESPONSE_SOCKET_TIMEOUT,
    RESPONSE_FLUSH_DELAY,
)
