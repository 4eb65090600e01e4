"""What is logged, where, and in which form."""

import re
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError, HttpdError
from mod_pywsgi.options import logging as options
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings

# What --access-log-format knows by name.
_FORMATS = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
}
# The fields that runtime/jsonlog.py reads, in its order; a tab within one is escaped by Apache.
_JSON_ERROR_FIELDS = "%-{cu}t %-m %-l %-P %-{g}T %-a %-L %-E %-M".split()
_JSON_ACCESS_FIELDS = (
    "%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t %a %u %m %U%q %H %>s %B %D %L %P %{Host}i"
    " %{Referer}i %{User-Agent}i"
).split()
_ROTATED = ".%Y-%m-%d-%H_%M_%S"
# Apache starts programs that log with its stdout as their stderr; apachectl keeps a copy.
_STDERR = "3"


@dataclass(frozen=True)
class Logs:
    """Where lines go, and what they look like.

    :param error_log: what ErrorLog is given, a file or a program; likewise access_log, None for
        none. :param error_file: the file that ends up with it; None on a terminal.
    :param level: what LogLevel is given. :param error_format: None for Apache's own.
    :param access_format: its name, and what LogFormat is given.
    :param services: what ErrorLog is given for the services that have a log of their own.
    :param rotated: the files whose plain name is that of the newest.
    :param rotator: the program, if the user named it.
    :param directory: to be made; None: the server root.
    :param on_terminal: some of it is on the terminal.
    """

    error_log: str
    error_file: Path | None
    error_format: str | None
    access_log: str | None
    access_file: Path | None
    access_format: tuple[str, str]
    startup_log: Path | None
    services: tuple[tuple[str, str], ...]
    rotated: tuple[Path, ...]
    directory: Path | None
    rotator: Path | None
    level: str
    on_terminal: bool


def decide(settings: Settings, facts: Facts, paths: Paths) -> Logs:
    """Decide it.

    :raises ConfigError: options contradict each other.
    :raises HttpdError: the program that rotates is not there.
    """
    _check(settings)
    directory = settings[options.LOG_DIRECTORY] or paths.root
    terminal = _is_on_terminal(settings)
    error_file = None if terminal else directory / settings[options.ERROR_LOG_NAME]
    access_file = None if terminal else directory / settings[options.ACCESS_LOG_NAME]
    if not settings[opt.ACCESS_LOG]:
        access_file = None
    services = {name: directory / file for name, file in settings[options.SERVICE_LOG_FILE]}
    files = [file for file in (error_file, access_file, *services.values()) if file]
    _require_different(files)
    return Logs(
        error_log=_destination(settings, facts, "error", error_file),
        error_file=error_file,
        error_format=_error_format(settings),
        access_log=(
            _destination(settings, facts, "access", access_file)
            if settings[opt.ACCESS_LOG]
            else None
        ),
        access_file=access_file,
        access_format=_access_format(settings),
        startup_log=(
            directory / settings[options.STARTUP_LOG_NAME]
            if settings[options.STARTUP_LOG]
            else None
        ),
        services=tuple(
            (name, _destination(settings, facts, "error", file)) for name, file in services.items()
        ),
        rotated=tuple(files) if settings[options.ROTATE_LOGS] else (),
        directory=settings[options.LOG_DIRECTORY],
        rotator=(
            settings[options.ROTATELOGS_EXECUTABLE] if settings[options.ROTATE_LOGS] else None
        ),
        level=_level(settings),
        on_terminal=terminal,
    )


def _is_on_terminal(settings: Settings) -> bool:
    if settings[opt.DEBUG_MODE]:
        return True
    return settings[opt.LOG_TO_TERMINAL] and settings[options.LOG_DIRECTORY] is None


def _level(settings: Settings) -> str:
    level = settings[opt.LOG_LEVEL]
    return f"{level} wsgi:debug" if settings[options.VERBOSE_DEBUGGING] else level


def _error_format(settings: Settings) -> str | None:
    if settings[options.LOG_JSON]:
        return "\\t".join(_JSON_ERROR_FIELDS)
    return settings[options.ERROR_LOG_FORMAT]


def _access_format(settings: Settings) -> tuple[str, str]:
    if settings[options.LOG_JSON]:
        return "json", "\\t".join(_JSON_ACCESS_FIELDS)
    given = settings[options.ACCESS_LOG_FORMAT]
    return (given, _FORMATS[given]) if given in _FORMATS else ("own", given)


def _destination(settings: Settings, facts: Facts, kind: str, file: Path | None) -> str:
    """What ErrorLog or CustomLog is given."""
    rotates = settings[options.ROTATE_LOGS] and file is not None
    rotator = _rotator(settings, facts, file) if rotates and file else []
    if settings[options.LOG_JSON]:
        words = [*_json_filter(facts), kind]
        if rotator:
            words += ["--", *rotator]
        elif file:
            words += ["--file", str(file)]
        elif kind == "error":
            words += ["--descriptor", _STDERR]
        return _program(words)
    if rotator:
        return _program(rotator)
    if file:
        return str(file)
    return facts.machine.stderr if kind == "error" else facts.machine.stdout


def _program(words: list[str]) -> str:
    """A program that Apache starts, without a shell.

    :raises ConfigError: APR, which takes the words apart, could not.
    """
    for word in words:
        if re.search(r"[\"'\\]", word):
            raise ConfigError(
                f"A log that a program writes cannot have quotes or backslashes in its path: {word}.",
                "Choose another directory with --log-directory.",
            )
    return "|" + " ".join(f'"{word}"' if re.search(r"\s", word) else word for word in words)


def _json_filter(facts: Facts) -> list[str]:
    """By its path, without what an environment or a directory adds: root may run it."""
    script = facts.python.package / "runtime" / "jsonlog.py"
    return [str(facts.python.program), "-IS", str(script)]


def _rotator(settings: Settings, facts: Facts, file: Path) -> list[str]:
    program = settings[options.ROTATELOGS_EXECUTABLE] or facts.httpd.rotatelogs
    if program is None:
        raise HttpdError(
            "--rotate-logs needs Apache's program rotatelogs, which is not installed.",
            "Install it: Debian and Ubuntu: apt-get install apache2-utils\n"
            "            Fedora and RHEL:   dnf install httpd\n"
            "            Alpine:            apk add apache2-utils\n"
            "Or name it with --rotatelogs-executable.",
        )
    size = f"{settings[options.MAX_LOG_SIZE]}M"
    pattern = str(file).replace("%", "%%") + _ROTATED
    return [str(program), "-f", "-L", str(file), pattern, size]


def _check(settings: Settings) -> None:
    for option in (options.ERROR_LOG_FORMAT, options.ACCESS_LOG_FORMAT):
        if settings[options.LOG_JSON] and settings.is_given(option):
            raise ConfigError(
                f"--log-json and {settings.source(option)} exclude each other.", "Drop one of them."
            )


def _require_different(files: list[Path]) -> None:
    for file in files:
        if files.count(file) > 1:
            raise ConfigError(
                f"Two logs have one file, {file}.", "Give each log a name of its own."
            )
