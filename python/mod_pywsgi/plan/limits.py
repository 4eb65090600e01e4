"""How long a connection may take, and how large a request may be."""

from dataclasses import dataclass

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import capacity, timeouts
from mod_pywsgi.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes.

    :param read_timeout: the arguments of RequestReadTimeout.
    :param keep_alive_timeout: 0 for connections of one request.
    """

    limit_request_body: int
    socket_timeout: int
    request_timeout: int
    stop_timeout: int
    keep_alive_timeout: int
    read_timeout: tuple[str, ...]
    ignore_activity: tuple[str, ...]
    startup_timeout: int
    interrupt_timeout: int
    queue_timeout: int
    server_backlog: int
    daemon_backlog: int


def decide(settings: Settings) -> Limits:
    """Decide them.

    :raises ConfigError: a longest time is less than the time that it extends.
    """
    _check(settings)
    return Limits(
        limit_request_body=settings[opt.LIMIT_REQUEST_BODY],
        socket_timeout=settings[timeouts.SOCKET_TIMEOUT] or 60,
        request_timeout=settings[timeouts.REQUEST_TIMEOUT],
        stop_timeout=settings[timeouts.STOP_TIMEOUT],
        keep_alive_timeout=0 if settings[opt.DEBUG_MODE] else settings[timeouts.KEEP_ALIVE_TIMEOUT],
        read_timeout=_read_timeout(settings),
        ignore_activity=settings[timeouts.IGNORE_ACTIVITY],
        startup_timeout=settings[timeouts.STARTUP_TIMEOUT],
        interrupt_timeout=settings[timeouts.INTERRUPT_TIMEOUT],
        queue_timeout=settings[timeouts.QUEUE_TIMEOUT],
        server_backlog=settings[capacity.SERVER_BACKLOG],
        daemon_backlog=settings[capacity.DAEMON_BACKLOG],
    )


def _check(settings: Settings) -> None:
    for option in (timeouts.HEADER_TIMEOUT, timeouts.BODY_TIMEOUT):
        longest = (
            timeouts.HEADER_MAX_TIMEOUT
            if option is timeouts.HEADER_TIMEOUT
            else timeouts.BODY_MAX_TIMEOUT
        )
        if settings[longest] and settings[longest] < settings[option]:
            raise ConfigError(
                f"{longest.flag} ({settings[longest]}) must not be less than"
                f" {option.flag} ({settings[option]})."
            )


def _read_timeout(settings: Settings) -> tuple[str, ...]:
    """The arguments of RequestReadTimeout."""
    parts = []
    for name, first, longest, rate in (
        (
            "header",
            settings[timeouts.HEADER_TIMEOUT],
            settings[timeouts.HEADER_MAX_TIMEOUT],
            settings[timeouts.HEADER_MIN_RATE],
        ),
        (
            "body",
            settings[timeouts.BODY_TIMEOUT],
            settings[timeouts.BODY_MAX_TIMEOUT],
            settings[timeouts.BODY_MIN_RATE],
        ),
    ):
        span = f"{first}-{longest}" if first and longest else str(first)
        parts.append(f"{name}={span},MinRate={rate}" if first and rate else f"{name}={span}")
    return tuple(parts)
