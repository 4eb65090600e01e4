"""From options to a unit of systemd that serves an application. Pure, as the plan is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import OPTIONS, Option, timeouts, tls, tools
from mod_pywsgi.options.logging import LOG_DIRECTORY
from mod_pywsgi.plan import Plan
from mod_pywsgi.plan.paths import TEMPORARY, is_below
from mod_pywsgi.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
# What changes where this command looks for Apache and for its own parts.
_VARIABLES = ("HTTPD", "APXS", "PYWSGI_LIBEXEC")
_WATCHDOG = 60  # seconds
_FIRST_FREE_PORT = 1024
_SYSTEM = tuple(Path(name) for name in ("/usr", "/boot", "/efi", "/etc"))


@dataclass(frozen=True)
class Unit:
    """What a unit file says.

    :param command: the program and its words. :param environment: variables for it.
    :param user: None: it is started by root, and becomes somebody else by itself.
    :param runtime_directory: below /run, made by systemd; None: the user named a server root.
    :param low_port: the user needs a capability for it.
    :param hides_tmp: whether it can do without the system's /tmp; likewise with writing
        to the system's directories.
    """

    name: str
    description: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    directory: Path
    user: str | None
    group: str | None
    runtime_directory: str | None
    start_timeout: int
    stop_timeout: int
    watchdog: int
    low_port: bool
    hides_tmp: bool
    protects_system: bool


def make(
    plan: Plan,
    settings: Settings,
    entry: str,
    program: Sequence[str],
    environment: Mapping[str, str],
    name: str | None = None,
) -> Unit:
    """Decide what the unit says.

    :param entry: the application as start-server takes it, found from any directory.
    :param program: this command, as words. :param environment: this run's.
    :raises ConfigError: the name cannot be a unit's, or an option makes no sense there.
    """
    name = name or f"mod_pywsgi-{plan.listen.port}"
    if not _NAME.match(name):
        raise ConfigError(f"A unit cannot have the name {name!r}: use letters, digits, '_.-'.")
    for option in (opt.DEBUG_MODE, opt.SETUP_ONLY, *tools.IMPLY_DEBUG_MODE):
        if settings[option]:
            raise ConfigError(f"{settings.source(option)} makes no sense in a service.")
    given_root = settings.is_given(opt.SERVER_ROOT)
    if settings[tls.ACME_DOMAIN] and not given_root:
        raise ConfigError(
            f"{settings.source(tls.ACME_DOMAIN)} needs a server root that stays: authorities give"
            " only a few certificates a week for one name.",
            f"Add {opt.SERVER_ROOT.flag} /var/lib/{name}.",
        )
    is_root = plan.identity.drops
    paths = list(_paths(plan, settings))
    return Unit(
        name=name,
        description=f"{Path(plan.application.target.name).name} by mod_pywsgi",
        command=(*program, "start-server", *_words(settings, entry, given_root, name)),
        environment=tuple((key, environment[key]) for key in _VARIABLES if environment.get(key)),
        directory=plan.application.working_directory,
        user=None if is_root else plan.identity.user,
        group=None if is_root else plan.identity.group,
        runtime_directory=None if given_root else name,
        start_timeout=max(90, settings[timeouts.STARTUP_TIMEOUT] + 60),
        stop_timeout=plan.limits.stop_timeout + 2 * (settings[timeouts.SHUTDOWN_TIMEOUT] or 7) + 10,
        watchdog=_WATCHDOG,
        low_port=min(plan.listen.ports) < _FIRST_FREE_PORT and not is_root,
        hides_tmp=not any(is_below(path, TEMPORARY) for path in paths),
        protects_system=not is_below(plan.application.working_directory, _SYSTEM),
    )


def _paths(plan: Plan, settings: Settings) -> Iterator[Path]:
    """What the server reads that belongs to the application, or is named by an option."""
    application = plan.application
    yield application.working_directory
    yield plan.python.home
    yield plan.artifacts.directory
    yield from application.python_path
    if application.target.file:
        yield Path(application.target.file)
    for option in OPTIONS:
        if settings.is_given(option):
            yield from _paths_in(settings[option])


def _paths_in(value: Any) -> Iterator[Path]:
    """Those in an option's value, which may be several, with names beside them."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _paths_in(part)


def _words(settings: Settings, entry: str, given_root: bool, name: str) -> Iterator[str]:
    """The application, and every option that was given in whatever way."""
    yield entry
    for option in OPTIONS:
        if settings.is_given(option) and option is not opt.ENTRY_POINT:
            yield from _occurrences(option, settings[option])
    if not given_root:
        yield from (opt.SERVER_ROOT.flag, f"/run/{name}")
        # What lies in /run is gone with the service; its log is the journal's.
        if not (settings.is_given(opt.LOG_TO_TERMINAL) or settings.is_given(LOG_DIRECTORY)):
            yield opt.LOG_TO_TERMINAL.flag


def _occurrences(option: Option[Any], value: Any) -> Iterator[str]:
    if option.is_flag:
        if value or option.off_flag:
            yield option.flag if value else str(option.off_flag)
        return
    for item in value if option.repeats else [value]:
        yield option.flag
        yield from map(str, item if isinstance(item, tuple) else [item])
