"""For the desk rather than for production."""

from mod_pywsgi.options.model import flag

_SECTION = "Development"

RELOAD_ON_CHANGES = flag(
    "reload-on-changes",
    "Replace the application processes when a Python file that they imported changes; at once"
    " where the package watchfiles is installed.",
    section=_SECTION,
)
DEBUG_MODE = flag(
    "debug-mode",
    "For a look inside: one process with one thread, in the foreground; pdb has the terminal, and an"
    " exception is shown to the client, with source code.",
    section=_SECTION,
)
SETUP_ONLY = flag(
    "setup-only", "Generate the server root, print the summary and exit.", section=_SECTION
)

OPTIONS = (RELOAD_ON_CHANGES, DEBUG_MODE, SETUP_ONLY)
