"""Tools that look into a running application. Each implies debug mode."""

from mod_pywsgi.options.model import flag, maybe
from mod_pywsgi.types import DIRECTORY, TEXT

_SECTION = "Debugging"

ENABLE_DEBUGGER = flag(
    "enable-debugger",
    "Ask in the terminal, by pdb, wherever the application raises an exception.",
    section=_SECTION,
)
DEBUGGER_STARTUP = flag(
    "debugger-startup",
    "Start the debugger at the first line of the application; needs `--enable-debugger`.",
    section=_SECTION,
)
ENABLE_COVERAGE = flag(
    "enable-coverage",
    "Measure which lines of the application are run; a report in HTML is written at the end."
    " Needs the package coverage.",
    section=_SECTION,
)
COVERAGE_DIRECTORY = maybe(
    "coverage-directory",
    DIRECTORY,
    "Directory for the report.",
    section=_SECTION,
    default_note="`htmlcov` in the server root",
)
ENABLE_PROFILER = flag(
    "enable-profiler",
    "Profile the application: a file for Python's pstats and a flame graph as SVG are written at"
    " the end.",
    section=_SECTION,
)
PROFILER_DIRECTORY = maybe(
    "profiler-directory",
    DIRECTORY,
    "Directory for both.",
    section=_SECTION,
    default_note="`pstats` in the server root",
)
ENABLE_RECORDER = flag(
    "enable-recorder",
    "Write each request and response, with headers and bodies, to files of its own.",
    section=_SECTION,
)
RECORDER_DIRECTORY = maybe(
    "recorder-directory",
    DIRECTORY,
    "Directory for these files.",
    section=_SECTION,
    default_note="`archive` in the server root",
)
ENABLE_GDB = flag("enable-gdb", "Run Apache under gdb, in the terminal.", section=_SECTION)
GDB_EXECUTABLE = maybe(
    "gdb-executable",
    TEXT,
    "The gdb to run.",
    section=_SECTION,
    default_note="`gdb`, searched on the PATH",
)

IMPLY_DEBUG_MODE = (
    ENABLE_DEBUGGER,
    ENABLE_COVERAGE,
    ENABLE_PROFILER,
    ENABLE_RECORDER,
    ENABLE_GDB,
)

OPTIONS = (
    ENABLE_DEBUGGER,
    DEBUGGER_STARTUP,
    ENABLE_COVERAGE,
    COVERAGE_DIRECTORY,
    ENABLE_PROFILER,
    PROFILER_DIRECTORY,
    ENABLE_RECORDER,
    RECORDER_DIRECTORY,
    ENABLE_GDB,
    GDB_EXECUTABLE,
)
