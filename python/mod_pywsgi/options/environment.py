"""What the application's processes and their Python find."""

from mod_pywsgi.options.model import flag, many, maybe
from mod_pywsgi.types import (
    DIRECTORY,
    FILE,
    GROUP_NAME,
    SOME_SECONDS,
    TEXT,
    VARIABLE_NAME,
)

_SECTION = "Environment"

PROCESS_GROUP = maybe(
    "process-group",
    GROUP_NAME,
    "Name of the application's process group, which is also the title of its processes.",
    section=_SECTION,
    default_note="`HOST:PORT`, the title with the user's id",
)
ENV_FILE = maybe(
    "env-file",
    FILE,
    "File of variables for the environment of all processes, lines of NAME=value, read as the"
    " application's user; --env wins over it.",
    section=_SECTION,
)
PASSENV = many(
    "passenv",
    VARIABLE_NAME,
    "Variable of Apache's environment to add to that of each request.",
    section=_SECTION,
)
LOCALE = maybe(
    "locale",
    TEXT,
    "Locale of Apache and of the application, LANG as well as LC_ALL.",
    section=_SECTION,
    default_note="the user's if it is a UTF-8 one, else C.UTF-8",
    aliases=("lang",),
)
PRIVATE_TMP = flag(
    "private-tmp",
    "A /tmp and /var/tmp of their own for the processes, in memory; needs root that may mount, "
    "and another --server-root.",
    section=_SECTION,
)
PYTHON_EGGS = maybe(
    "python-eggs",
    DIRECTORY,
    "Where eggs are unpacked, PYTHON_EGG_CACHE.",
    section=_SECTION,
    default_note="`python-eggs` in the server root",
)
PYTHON_WARNINGS = many(
    "python-warnings", TEXT, "A filter of warnings, as for `python -W`.", section=_SECTION
)
SWITCH_INTERVAL = maybe(
    "switch-interval",
    SOME_SECONDS,
    "Seconds after which a thread that waits for the GIL asks for it.",
    section=_SECTION,
    default_note="Python's, 0.005",
)
FREE_THREADING = flag(
    "free-threading", "No GIL; needs a free-threaded build of Python.", section=_SECTION
)
ORPHAN_INTERPRETER = flag(
    "orphan-interpreter",
    "End processes without waiting for the application's threads and without its exit functions.",
    section=_SECTION,
)

OPTIONS = (
    PROCESS_GROUP,
    ENV_FILE,
    PASSENV,
    LOCALE,
    PRIVATE_TMP,
    PYTHON_EGGS,
    PYTHON_WARNINGS,
    SWITCH_INTERVAL,
    FREE_THREADING,
    ORPHAN_INTERPRETER,
)
