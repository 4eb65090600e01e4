"""What is written where."""

from mod_pywsgi.options.model import flag, maybe, one
from mod_pywsgi.types import DIRECTORY, LEVEL

_SECTION = "Server root and logs"

SERVER_ROOT = maybe(
    "server-root",
    DIRECTORY,
    "Directory for the generated configuration, logs and sockets.",
    section=_SECTION,
    default_note="`$TMPDIR/mod_pywsgi-HOST:PORT:UID`",
)
LOG_TO_TERMINAL = flag("log-to-terminal", "Log to the terminal instead of files.", section=_SECTION)
LOG_LEVEL = one(
    "log-level",
    LEVEL,
    "warn",
    "Least severity to log, as for Apache's LogLevel: `info` shows what the application logs at that level.",
    section=_SECTION,
)
ACCESS_LOG = flag("access-log", "Write an access log.", section=_SECTION)

OPTIONS = (SERVER_ROOT, LOG_TO_TERMINAL, LOG_LEVEL, ACCESS_LOG)
