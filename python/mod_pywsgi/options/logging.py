"""What is written where."""

from typing import Any

from mod_pywsgi.options.model import Option, flag, many, maybe, one
from mod_pywsgi.types import DIRECTORY, FILE, FILE_NAME, LEVEL, MEGABYTES, SERVICE_LOG, TEXT

_SECTION = "Server root and logs"

SERVER_ROOT = maybe(
    "server-root",
    DIRECTORY,
    "Directory for the generated configuration, logs and sockets.",
    section=_SECTION,
    default_note="`$TMPDIR/mod_pywsgi-HOST:PORT:UID`",
)
LOG_TO_TERMINAL = flag("log-to-terminal", "Log to the terminal instead of files.", section=_SECTION)
LOG_DIRECTORY = maybe(
    "log-directory",
    DIRECTORY,
    "Directory of the log files, made if need be; with it --log-to-terminal has no effect.",
    section=_SECTION,
    default_note="the server root",
)
LOG_LEVEL = one(
    "log-level",
    LEVEL,
    "warn wsgi:info",
    "Least severity to log, as for Apache's LogLevel; `wsgi:` is what the application and its"
    " processes log.",
    section=_SECTION,
)
LOG_JSON = flag(
    "log-json",
    "Write each line of the logs as a JSON object.",
    section=_SECTION,
)
ERROR_LOG_NAME = one(
    "error-log-name", FILE_NAME, "error_log", "Name of the error log.", section=_SECTION
)
ERROR_LOG_FORMAT = maybe(
    "error-log-format",
    TEXT,
    "Format of its lines, as for Apache's ErrorLogFormat.",
    section=_SECTION,
    default_note="Apache's own",
)
ACCESS_LOG = flag("access-log", "Write an access log.", section=_SECTION)
ACCESS_LOG_NAME = one(
    "access-log-name", FILE_NAME, "access_log", "Name of the access log.", section=_SECTION
)
ACCESS_LOG_FORMAT = one(
    "access-log-format",
    TEXT,
    "common",
    "`common`, `combined`, or a format as for Apache's LogFormat.",
    section=_SECTION,
)
STARTUP_LOG = flag(
    "startup-log",
    "Write what goes wrong before there is an error log to a file instead of the terminal.",
    section=_SECTION,
)
STARTUP_LOG_NAME = one(
    "startup-log-name", FILE_NAME, "startup_log", "Name of that file.", section=_SECTION
)
ROTATE_LOGS = flag(
    "rotate-logs",
    "Begin a new log file, named by the time, when one has --max-log-size; the plain name is"
    " always the file that is written to.",
    section=_SECTION,
)
MAX_LOG_SIZE = one(
    "max-log-size",
    MEGABYTES,
    5,
    "Size of a log file, in MiB, at which the next is begun.",
    section=_SECTION,
)
ROTATELOGS_EXECUTABLE = maybe(
    "rotatelogs-executable",
    FILE,
    "Apache's program rotatelogs.",
    section=_SECTION,
    default_note="looked for",
)
SERVICE_LOG_FILE = many(
    "service-log-file",
    SERVICE_LOG,
    "File for the error log of the service of that name, below the directory of the logs.",
    section=_SECTION,
    default_note="the server's",
)
VERBOSE_DEBUGGING = flag(
    "verbose-debugging",
    "Log what the server's processes do in detail, as --log-level wsgi:debug does.",
    section=_SECTION,
    hidden=True,
)

OPTIONS: tuple[Option[Any], ...] = (
    SERVER_ROOT,
    LOG_TO_TERMINAL,
    LOG_DIRECTORY,
    LOG_LEVEL,
    LOG_JSON,
    ERROR_LOG_NAME,
    ERROR_LOG_FORMAT,
    ACCESS_LOG,
    ACCESS_LOG_NAME,
    ACCESS_LOG_FORMAT,
    STARTUP_LOG,
    STARTUP_LOG_NAME,
    ROTATE_LOGS,
    MAX_LOG_SIZE,
    ROTATELOGS_EXECUTABLE,
    SERVICE_LOG_FILE,
    VERBOSE_DEBUGGING,
)
