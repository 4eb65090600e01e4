"""The options of WSGIDaemonProcess."""

from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.options import Option, capacity, environment, metrics, timeouts
from mod_pywsgi.plan import surroundings, variables
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.settings import Settings

# The options that go to WSGIDaemonProcess under their own names.
TIMEOUTS = (
    timeouts.STARTUP_TIMEOUT,
    timeouts.SHUTDOWN_TIMEOUT,
    timeouts.RESTART_INTERVAL,
    timeouts.CPU_TIME_LIMIT,
    timeouts.GRACEFUL_TIMEOUT,
    timeouts.EVICTION_TIMEOUT,
    timeouts.DEADLOCK_TIMEOUT,
    timeouts.INACTIVITY_TIMEOUT,
    timeouts.REQUEST_TIMEOUT,
    timeouts.INTERRUPT_TIMEOUT,
    timeouts.CONNECT_TIMEOUT,
    timeouts.SOCKET_TIMEOUT,
    timeouts.QUEUE_TIMEOUT,
    timeouts.RESPONSE_SOCKET_TIMEOUT,
    timeouts.RESPONSE_FLUSH_DELAY,
)
# The same for those that are written only where they say something.
LIMITS: tuple[Option[Any], ...] = (
    capacity.QUEUE_SIZE,
    capacity.MAX_UNAVAILABLE,
    capacity.MAXIMUM_REQUESTS,
    capacity.MAXIMUM_REQUESTS_JITTER,
    capacity.RESTART_INTERVAL_JITTER,
    capacity.RELOAD_ON_RSS,
    capacity.SEND_BUFFER_SIZE,
    capacity.RECEIVE_BUFFER_SIZE,
    capacity.HEADER_BUFFER_SIZE,
    capacity.REQUEST_BUFFER_SIZE,
    capacity.RESPONSE_BUFFER_SIZE,
)
FLAGS = (environment.PRIVATE_TMP, metrics.SERVER_METRICS)
# Said to be of no effect where there are no daemon processes.
DAEMON_ONLY: tuple[Option[Any], ...] = (
    *TIMEOUTS,
    timeouts.IGNORE_ACTIVITY,
    opt.INTERPRETERS,
    opt.PRELOAD,
    opt.WARMUP,
    *LIMITS,
    environment.ENV_FILE,
    capacity.DAEMON_BACKLOG,
    environment.PROCESS_GROUP,
    environment.PRIVATE_TMP,
)


def group_of(settings: Settings, listen: Listen) -> str:
    """The name of the application's process group."""
    return settings[environment.PROCESS_GROUP] or f"{listen.host or 'localhost'}:{listen.port}"


def environment_of(settings: Settings) -> list[tuple[str, str]]:
    """Options for what the processes find in their environment."""
    given: tuple[tuple[str, str], ...] = settings[opt.ENV]
    told = {**dict(variables.decide(settings)), **dict(given)}
    options = [("env", f"{name}={value}") for name, value in told.items()]
    file = settings[environment.ENV_FILE]
    return [*options, ("env-file", str(file))] if file else options


def options_of(
    settings: Settings, facts: Facts, group: str, directory: Path, eggs: Path
) -> tuple[tuple[str, str], ...]:
    """Names and values, in the order in which they are written."""
    title = group if settings[environment.PROCESS_GROUP] else f"{group}:{facts.machine.uid}"
    locale = settings[environment.LOCALE] or facts.machine.locale
    options: list[tuple[str, str]] = [
        ("display-name", f"(wsgi:{title})"),
        ("home", str(directory)),
        ("python-home", str(facts.python.home)),
    ]
    python_path = surroundings.python_path(settings, facts, directory, embedded=False)
    if python_path:
        options.append(("python-path", ":".join(map(str, python_path))))
    options.append(("python-eggs", str(eggs)))
    options += environment_of(settings)
    if settings[opt.PROCESSES] is not None:
        options.append(("processes", str(settings[opt.PROCESSES])))
    options.append(("threads", str(settings[opt.THREADS])))
    if settings[opt.INTERPRETERS] > 1:
        options.append(("interpreters", str(settings[opt.INTERPRETERS])))
    if settings[opt.PRELOAD]:
        options.append(("preload", "On"))
    options += [("warmup", path) for path in settings[opt.WARMUP]]
    if locale:
        options += [("lang", locale), ("locale", locale)]
    options.append(("listen-backlog", str(settings[capacity.DAEMON_BACKLOG])))
    options += [(option.name, str(settings[option])) for option in TIMEOUTS]
    options += [(option.name, "On") for option in FLAGS if settings[option]]
    options += [
        (option.name, str(settings[option]))
        for option in LIMITS
        if settings[option] not in (option.default, None)
    ]
    return tuple(options)
