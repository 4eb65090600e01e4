"""What is served."""

from mod_pywsgi.options.model import flag, many, maybe, one
from mod_pywsgi.types import (
    DIRECTORY,
    ENVIRONMENT,
    NAME,
    REQUIRED_TEXT,
    TEXT,
    URL_PATH,
    VARIABLE,
    choice,
)

_SECTION = "Application"

APPLICATION_TYPE = one(
    "application-type",
    choice("script", "module", "paste", "static"),
    "script",
    "What the entry point is: a file, the dotted name of a module that can be imported, an ini file"
    " of PasteDeploy (FILE.ini or FILE.ini#NAME), or a directory of files to serve without any"
    " application.",
    section=_SECTION,
)
ENTRY_POINT = maybe(
    "entry-point",
    TEXT,
    "The script file, the module, or a directory to look in. The same as the argument,"
    " and wins over it.",
    section=_SECTION,
    default_note="the current directory is searched",
)
CALLABLE_OBJECT = maybe(
    "callable-object",
    NAME,
    "Name of the WSGI callable in the script or module.",
    section=_SECTION,
    default_note="`application`, else `app`, else the only application of a known framework, else a"
    " factory `create_app()`",
)
MOUNT_POINT = one(
    "mount-point",
    URL_PATH,
    "/",
    "URL at which the application is mounted.",
    section=_SECTION,
)
WORKING_DIRECTORY = maybe(
    "working-directory",
    DIRECTORY,
    "Directory in which the application runs, and the first entry of sys.path.",
    section=_SECTION,
    default_note="the current directory, or the directory given as entry point",
)
PYTHON_PATH = many(
    "python-path",
    DIRECTORY,
    "Directory to add to sys.path; its .pth files are processed.",
    section=_SECTION,
)
APPLICATION_GROUP = one(
    "application-group",
    REQUIRED_TEXT,
    "%{GLOBAL}",
    "The interpreter that the application runs in: a name makes one of its own in each process;"
    " `%{GLOBAL}` is the first one, which most extension modules need.",
    section=_SECTION,
)
DISABLE_RELOADING = flag(
    "disable-reloading",
    "Do not look whether the script file has changed; new code is served after a `reload` or a"
    " restart only.",
    section=_SECTION,
)
SETENV = many(
    "setenv",
    VARIABLE,
    "Variable to add to the environment of each request.",
    section=_SECTION,
)
ENV = many(
    "env",
    ENVIRONMENT,
    "Variable of the environment of all processes, there before Python starts: in `os.environ`.",
    section=_SECTION,
)

OPTIONS = (
    APPLICATION_TYPE,
    ENTRY_POINT,
    CALLABLE_OBJECT,
    MOUNT_POINT,
    WORKING_DIRECTORY,
    PYTHON_PATH,
    APPLICATION_GROUP,
    DISABLE_RELOADING,
    SETENV,
    ENV,
)
