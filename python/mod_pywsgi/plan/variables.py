"""What the application finds in os.environ, under mod_wsgi's names: that express runs it, and how."""

from mod_pywsgi import options as opt
from mod_pywsgi.options import listen, tools
from mod_pywsgi.settings import Settings

_WHERE_ON = (
    ("MOD_WSGI_RELOADER_ENABLED", opt.RELOAD_ON_CHANGES),
    ("MOD_WSGI_DEBUG_MODE", opt.DEBUG_MODE),
    ("MOD_WSGI_DEBUGGER_ENABLED", tools.ENABLE_DEBUGGER),
    ("MOD_WSGI_COVERAGE_ENABLED", tools.ENABLE_COVERAGE),
    ("MOD_WSGI_PROFILER_ENABLED", tools.ENABLE_PROFILER),
    ("MOD_WSGI_RECORDER_ENABLED", tools.ENABLE_RECORDER),
    ("MOD_WSGI_GDB_ENABLED", tools.ENABLE_GDB),
)


def decide(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Names and values."""
    found = [("MOD_WSGI_EXPRESS", "true")]
    name = settings[opt.SERVER_NAME]
    if name:
        found.append(("MOD_WSGI_SERVER_NAME", name))
    aliases = settings[listen.SERVER_ALIAS]
    if aliases:
        found.append(("MOD_WSGI_SERVER_ALIASES", " ".join(aliases)))
    found += [(variable, "true") for variable, option in _WHERE_ON if settings[option]]
    if settings[opt.DEBUG_MODE]:
        found = [pair for pair in found if pair[0] != "MOD_WSGI_RELOADER_ENABLED"]
    return tuple(found)
