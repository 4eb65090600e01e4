"""How much runs at once, and as whom."""

from mod_pywsgi.options.model import flag, many, maybe, one
from mod_pywsgi.types import ACCOUNT, COUNT, REQUEST_PATH, choice
from mod_pywsgi.types import PROCESSES as PROCESSES_KIND

_SECTION = "Processes"

PROCESSES = maybe(
    "processes",
    PROCESSES_KIND,
    "Number of application processes, or the least and the most, such as 2-8: then there are as"
    " many as the requests need. Giving it, even as 1, sets `wsgi.multiprocess`.",
    section=_SECTION,
    default_note="1",
)
THREADS = one("threads", COUNT, 5, "Request threads of each process.", section=_SECTION)
INTERPRETERS = one(
    "interpreters",
    COUNT,
    1,
    "Interpreters of the application in each process, with a GIL each, so that as many of its threads"
    " run Python code at the same time; needs Python 3.12 and extension modules that are made for it.",
    section=_SECTION,
)
PRELOAD = flag(
    "preload",
    "Import the application once and fork its processes from there, so that they share memory;"
    " what an import starts, such as threads, is then not there in them.",
    section=_SECTION,
)
WARMUP = many(
    "warmup",
    REQUEST_PATH,
    "A path that each process asks itself for before it takes requests.",
    section=_SECTION,
)
EMBEDDED_MODE = flag(
    "embedded-mode",
    "Run the application inside the Apache processes instead of processes of its own;"
    " it is then not reloaded when its script changes.",
    section=_SECTION,
)
SERVER_MPM = many(
    "server-mpm",
    choice("event", "worker", "prefork"),
    "Apache processing module to use; give it several times in order of preference.",
    section=_SECTION,
    default_note="event, worker, prefork: the first that is installed"
    " (embedded and debug mode: worker, prefork)",
)
USER = maybe(
    "user",
    ACCOUNT,
    "User to run as; only root can choose another than itself.",
    section=_SECTION,
    default_note="as root: the application's owner, else the distribution's web user",
)
GROUP = maybe(
    "group",
    ACCOUNT,
    "Group to run as; only root can choose.",
    section=_SECTION,
    default_note="the primary group of the user",
)

OPTIONS = (
    PROCESSES,
    THREADS,
    INTERPRETERS,
    PRELOAD,
    WARMUP,
    EMBEDDED_MODE,
    SERVER_MPM,
    USER,
    GROUP,
)
