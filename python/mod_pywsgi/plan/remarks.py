"""What the user should be told, though nothing is wrong."""

from collections.abc import Iterator
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.options import Option, capacity, environment, logging, timeouts, tls
from mod_pywsgi.options import tools as tool_options
from mod_pywsgi.plan import application, daemon, proxy, tools
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import EVERY_INTERFACE
from mod_pywsgi.settings import Settings

_SIZES = (
    capacity.MAX_CLIENTS,
    capacity.INITIAL_WORKERS,
    capacity.MINIMUM_SPARE_WORKERS,
    capacity.MAXIMUM_SPARE_WORKERS,
)

_NEED: tuple[tuple[Option[Any], Option[bool]], ...] = (
    (logging.ACCESS_LOG_NAME, opt.ACCESS_LOG),
    (logging.ACCESS_LOG_FORMAT, opt.ACCESS_LOG),
    (logging.STARTUP_LOG_NAME, logging.STARTUP_LOG),
    (logging.MAX_LOG_SIZE, logging.ROTATE_LOGS),
    (logging.ROTATELOGS_EXECUTABLE, logging.ROTATE_LOGS),
)

# What no site of files alone has a use for; its services share some of what is left out here.
_FOR_APPLICATIONS: tuple[Option[Any], ...] = (
    opt.APPLICATION_GROUP,
    opt.PROCESSES,
    opt.THREADS,
    opt.EMBEDDED_MODE,
    opt.RELOAD_ON_CHANGES,
    opt.DISABLE_RELOADING,
    tool_options.ENABLE_DEBUGGER,
    tool_options.ENABLE_COVERAGE,
    tool_options.ENABLE_PROFILER,
    tool_options.ENABLE_RECORDER,
    *(
        option
        for option in daemon.DAEMON_ONLY
        if option not in (timeouts.SOCKET_TIMEOUT, timeouts.SHUTDOWN_TIMEOUT, environment.ENV_FILE)
    ),
)


def decide(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """Sentences, without a full stop."""
    remarks = _about_finds(facts)
    if application.runs_python(settings, facts):
        remarks += _about_processes(settings) + _about_reloading(settings)
    else:
        remarks += [
            f"{settings.source(option)} has no effect without an application"
            for option in _FOR_APPLICATIONS
            if settings.is_given(option)
        ]
    remarks += _about_logs(settings)
    if settings[tls.ACME_DOMAIN] and not settings.is_given(opt.SERVER_ROOT):
        remarks.append(
            "keys and certificates are kept in the folder md of the server root, which is in a"
            " temporary directory: --server-root names one that stays"
        )
    remarks += proxy.remarks(settings, facts)
    remarks += _debugging(settings)
    return tuple(remarks)


def _about_finds(facts: Facts) -> list[str]:
    """The application, and as whom it runs."""
    target, identity = facts.target, facts.identity
    remarks = [target.remark] if target.remark else []
    if target.kind == "welcome":
        remarks.append(
            f"there is no application in {target.name}: a page is shown that says what to type"
        )
    if identity.drops:
        remarks.append(
            f"started as root; the application runs as {identity.user}, {identity.reason}"
        )
    return remarks


def _about_processes(settings: Settings) -> list[str]:
    """Options for what is not there in embedded and debug mode."""
    remarks: list[str] = []
    if settings[opt.EMBEDDED_MODE] or settings[opt.DEBUG_MODE]:
        remarks += [
            f"{settings.source(option)} has no effect without daemon processes"
            for option in daemon.DAEMON_ONLY
            if option is not timeouts.SOCKET_TIMEOUT and settings.is_given(option)
        ]
        remarks += [
            f"{settings.source(option)} has no effect where the processes and threads of the"
            " application are Apache's own"
            for option in _SIZES
            if settings.is_given(option)
        ]
    if settings[opt.DEBUG_MODE]:
        remarks += [
            f"{settings.source(option)} has no effect in debug mode, which has one process with one"
            " thread"
            for option in (opt.PROCESSES, opt.THREADS)
            if settings.is_given(option)
        ]
        remarks += [
            f"{settings.source(option)} has no effect in debug mode"
            for option in (timeouts.KEEP_ALIVE_TIMEOUT, timeouts.STOP_TIMEOUT)
            if settings.is_given(option)
        ]
    elif settings[opt.EMBEDDED_MODE] and not settings.is_given(opt.PROCESSES):
        remarks.append("embedded mode with one process; --processes gives it more")
    return remarks


def _about_reloading(settings: Settings) -> list[str]:
    if not settings[opt.RELOAD_ON_CHANGES]:
        return []
    if settings[opt.DEBUG_MODE]:
        return ["debug mode has one process only, so that nothing is reloaded"]
    if settings[opt.EMBEDDED_MODE]:
        return ["the application is embedded in Apache's processes: nothing is reloaded"]
    return []


def _debugging(settings: Settings) -> Iterator[str]:
    if settings[opt.DEBUG_MODE] and settings[opt.LISTEN_HOST] in EVERY_INTERFACE:
        yield (
            "debug mode shows source code to everybody who can connect;"
            " --host 127.0.0.1 lets only this machine"
        )
    for option in tools.IGNORED:
        if settings[opt.DEBUG_MODE] and settings.is_given(option):
            yield f"{settings.source(option)} has no effect in debug mode"
    for option, needed in tools.without_effect(settings):
        yield f"{settings.source(option)} has no effect without {needed.flag}"


def _about_logs(settings: Settings) -> list[str]:
    """Options about files, where there are none."""
    is_terminal = settings[opt.DEBUG_MODE] or settings[opt.LOG_TO_TERMINAL]
    directory = logging.LOG_DIRECTORY
    remarks = []
    if settings[opt.DEBUG_MODE]:
        remarks += [
            f"{settings.source(option)} has no effect in debug mode"
            for option in (directory, logging.ROTATE_LOGS)
            if settings.is_given(option)
        ]
    elif is_terminal and settings[directory]:
        remarks.append(
            f"{settings.source(opt.LOG_TO_TERMINAL)} has no effect with {settings.source(directory)}"
        )
    elif is_terminal and settings[logging.ROTATE_LOGS]:
        remarks.append(
            f"{settings.source(logging.ROTATE_LOGS)} has no effect for logs on the terminal"
        )
    for option, needed in _NEED:
        if settings.is_given(option) and not settings[needed]:
            remarks.append(f"{settings.source(option)} has no effect without {needed.flag}")
    return remarks
