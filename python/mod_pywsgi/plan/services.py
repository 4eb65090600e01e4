"""Programs beside the application, each in a process group of its own."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import environment, logging, metrics, services, timeouts
from mod_pywsgi.plan import surroundings
from mod_pywsgi.plan.daemon import environment_of
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.logs import Logs
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.plan.telemetry import NAME
from mod_pywsgi.settings import Settings

_LOG = "log"  # no option of the group: plan.logs has it


@dataclass(frozen=True)
class Service:
    """A program beside the application, in a process group of its own."""

    name: str
    group: str
    script: Path
    log: str | None
    options: tuple[tuple[str, str], ...]


def decide(settings: Settings, facts: Facts, paths: Paths, logs: Logs) -> tuple[Service, ...]:
    """Decide them.

    :param logs: what ErrorLog is given for those with a log of their own.
    :raises ConfigError: options name a service that there is not.
    """
    names = [name for name, _ in settings[services.SERVICE_SCRIPT]]
    if len(set(names)) < len(names):
        raise ConfigError(
            "Two services have one name.", "Give each --service-script a NAME of its own."
        )
    own: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for option, key in (
        (services.SERVICE_SCHEDULE, "schedule"),
        (services.SERVICE_USER, "user"),
        (services.SERVICE_GROUP, "group"),
        (logging.SERVICE_LOG_FILE, _LOG),
    ):
        given = settings[option]
        for name, value in dict(given).items():
            if name not in own:
                raise ConfigError(
                    f"{option.flag} {name}: there is no service of that name.",
                    f"Name its program by --service-script {name} FILE.",
                )
            if key is not _LOG:
                own[name].append((key, value))
    own_log = dict(logs.services)
    added = (_telemetry(settings, facts, paths),) if settings[metrics.ENABLE_TELEMETRY] else ()
    return added + tuple(
        Service(
            name,
            f"service:{name}",
            script,
            own_log.get(name),
            _options_of(settings, facts, own[name]),
        )
        for name, script in settings[services.SERVICE_SCRIPT]
    )


def _telemetry(settings: Settings, facts: Facts, paths: Paths) -> Service:
    """The one that express brings along."""
    told = (
        ("PYWSGI_TELEMETRY_SOCKET", paths.telemetry_socket),
        ("PYWSGI_TELEMETRY_PORT", settings[metrics.TELEMETRY_UI_PORT]),
        ("PYWSGI_TELEMETRY_SECONDS", settings[metrics.TELEMETRY_INTERVAL]),
    )
    options = [("env", f"{name}={value}") for name, value in told]
    return Service(
        NAME,
        f"service:{NAME}",
        facts.python.package / "runtime" / "telemetry_service.py",
        None,
        _options_of(settings, facts, options),
    )


def _options_of(
    settings: Settings, facts: Facts, own: list[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Those of its own, and what it shares with the application."""
    directory = surroundings.working_directory(settings, facts)
    options = [("threads", "0"), *own, ("home", str(directory))]
    options.append(("python-home", str(facts.python.home)))
    python_path = surroundings.python_path(settings, facts, directory, embedded=False)
    if python_path:
        options.append(("python-path", ":".join(map(str, python_path))))
    locale = settings[environment.LOCALE] or facts.machine.locale
    if locale:
        options += [("lang", locale), ("locale", locale)]
    options += environment_of(settings)
    shutdown = timeouts.SHUTDOWN_TIMEOUT
    options.append((shutdown.name, str(settings[shutdown])))
    return tuple(options)
