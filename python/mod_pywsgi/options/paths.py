"""Where the server's own files and programs are."""

from mod_pywsgi.options.model import maybe
from mod_pywsgi.types import DIRECTORY, FILE, TEXT

_SECTION = "Files and programs of the server"

PID_FILE = maybe(
    "pid-file",
    FILE,
    "File for the number of Apache's first process.",
    section=_SECTION,
    default_note="`httpd.pid` in the server root",
)
SOCKET_PREFIX = maybe(
    "socket-prefix",
    DIRECTORY,
    "Directory in which the directory of the sockets is made; a short one, where the server"
    " root's path is long.",
    section=_SECTION,
    default_note="`run` in the server root",
)
ENVVARS_SCRIPT = maybe(
    "envvars-script",
    FILE,
    "Shell script of variables that the control script reads.",
    section=_SECTION,
    default_note="`envvars` in the server root",
)
SHELL_EXECUTABLE = maybe(
    "shell-executable",
    FILE,
    "Shell of the control script.",
    section=_SECTION,
    default_note="/bin/sh",
)
HTTPD_EXECUTABLE = maybe(
    "httpd-executable",
    FILE,
    "Apache's program.",
    section=_SECTION,
    default_note="the variable HTTPD, else looked for",
)
MODULES_DIRECTORY = maybe(
    "modules-directory",
    DIRECTORY,
    "Directory of Apache's modules.",
    section=_SECTION,
    default_note="looked for",
)
PROCESS_NAME = maybe(
    "process-name",
    TEXT,
    "What `ps` shows for Apache's processes instead of the program's path.",
    section=_SECTION,
    default_note="the program's path",
)

OPTIONS = (
    PID_FILE,
    SOCKET_PREFIX,
    ENVVARS_SCRIPT,
    SHELL_EXECUTABLE,
    HTTPD_EXECUTABLE,
    MODULES_DIRECTORY,
    PROCESS_NAME,
)
