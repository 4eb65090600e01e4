"""What the server tells about itself, and to whom."""

from dataclasses import dataclass

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import metrics, services
from mod_pywsgi.plan.listen import Listen, base_url
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings

NAME = "telemetry"  # of the service
STATUS_URL = "/server-status"


@dataclass(frozen=True)
class Telemetry:
    """What the server tells about itself.

    :param service: what WSGITelemetryService is given, None for none. Times are seconds.
    :param status_url: of Apache's page, None without. :param ui_url: that of our own service.
    """

    service: str | None
    interval: str
    slow_requests: str | None
    options: tuple[tuple[str, ...], ...]
    server_metrics: bool
    status_url: str | None
    ui_url: str | None

    @property
    def is_any(self) -> bool:
        """Whether there is anything to configure."""
        return bool(self.service or self.server_metrics or self.status_url)


def decide(settings: Settings, paths: Paths, listen: Listen) -> Telemetry:
    """Decide it.

    :raises ConfigError: what would be sent has nowhere to go.
    """
    target = settings[metrics.TELEMETRY_SERVICE]
    own = settings[metrics.ENABLE_TELEMETRY]
    _check_own(settings, listen)
    if own:
        target = paths.telemetry_socket
    if target is None:
        for option in (
            metrics.SLOW_REQUESTS,
            metrics.TELEMETRY_INTERVAL,
            metrics.TELEMETRY_OPTIONS,
        ):
            if settings.is_given(option):
                raise ConfigError(
                    f"{settings.source(option)} needs a service that is told.",
                    f"Name its socket with {metrics.TELEMETRY_SERVICE.flag} unix:PATH, or give"
                    f" {metrics.ENABLE_TELEMETRY.flag}.",
                )
    slow = settings[metrics.SLOW_REQUESTS]
    return Telemetry(
        service=f"unix:{target}" if target else None,
        interval=f"{settings[metrics.TELEMETRY_INTERVAL]:g}",
        slow_requests=None if slow is None else f"{slow:.6g}",
        options=tuple(tuple(words.split()) for words in settings[metrics.TELEMETRY_OPTIONS]),
        server_metrics=settings[metrics.SERVER_METRICS],
        status_url=f"{base_url('http', listen.shown, listen.port)}{STATUS_URL}"
        if settings[metrics.SERVER_STATUS]
        else None,
        ui_url=f"http://127.0.0.1:{settings[metrics.TELEMETRY_UI_PORT]}/" if own else None,
    )


def _check_own(settings: Settings, listen: Listen) -> None:
    """The service that express brings along."""
    enable, port = metrics.ENABLE_TELEMETRY, metrics.TELEMETRY_UI_PORT
    if not settings[enable]:
        if settings.is_given(port):
            raise ConfigError(
                f"{settings.source(port)} is of no use without the page that it is for.",
                f"Give {enable.flag} too.",
            )
        return
    if settings[metrics.TELEMETRY_SERVICE]:
        raise ConfigError(
            f"{settings.source(enable)} and {settings.source(metrics.TELEMETRY_SERVICE)} exclude"
            " each other.",
            "Drop one of them.",
        )
    if any(name == NAME for name, _ in settings[services.SERVICE_SCRIPT]):
        raise ConfigError(
            f"A service of the name {NAME} is that of {settings.source(enable)}.",
            "Give yours another name.",
        )
    if settings[port] in listen.ports:
        raise ConfigError(
            f"{port.flag} {settings[port]} is a port of the server itself.",
            f"Choose another with {port.flag}.",
        )
