"""What the server tells about itself."""

from mod_pywsgi.options.model import flag, many, maybe, one
from mod_pywsgi.types import INTERVAL, PORT, SLOW, TELEMETRY, TEXT

_SECTION = "Metrics"

SERVER_METRICS = flag(
    "server-metrics",
    "Let the application ask by mod_wsgi.server_metrics() what Apache's processes do.",
    section=_SECTION,
)
SERVER_STATUS = flag(
    "server-status",
    "Apache's page /server-status, for requests from this machine only.",
    section=_SECTION,
)
TELEMETRY_SERVICE = maybe(
    "telemetry-service",
    TELEMETRY,
    "Socket that each process sends datagrams about itself to.",
    section=_SECTION,
    default_note="nothing is sent",
)
ENABLE_TELEMETRY = flag(
    "enable-telemetry",
    "Run a service that hears the processes, and shows what they do on a page, and to Prometheus.",
    section=_SECTION,
)
TELEMETRY_UI_PORT = one(
    "telemetry-ui-port",
    PORT,
    8888,
    "Port of that page, on 127.0.0.1.",
    section=_SECTION,
)
TELEMETRY_INTERVAL = one(
    "telemetry-interval",
    INTERVAL,
    1.0,
    "Seconds between two datagrams of a process, at least 0.5.",
    section=_SECTION,
)
TELEMETRY_OPTIONS = many(
    "telemetry-options",
    TEXT,
    "What is sent beside the usual, as for WSGITelemetryOptions: `+CaptureUserAgent`.",
    section=_SECTION,
)
SLOW_REQUESTS = maybe(
    "slow-requests",
    SLOW,
    "Report requests that run longer to the telemetry service.",
    section=_SECTION,
    default_note="none is reported",
)

OPTIONS = (
    SERVER_METRICS,
    SERVER_STATUS,
    TELEMETRY_SERVICE,
    ENABLE_TELEMETRY,
    TELEMETRY_UI_PORT,
    TELEMETRY_INTERVAL,
    TELEMETRY_OPTIONS,
    SLOW_REQUESTS,
)
