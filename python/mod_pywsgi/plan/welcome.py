"""What the page says that is shown where there is no application."""

from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.discover import Target
from mod_pywsgi.options import Option
from mod_pywsgi.plan.documentation import Documentation
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.logs import Logs
from mod_pywsgi.settings import Settings

_MODULE = "mod_pywsgi.runtime.welcome"
_CALLABLE = "make_page"
_REPEATED: tuple[Option[Any], ...] = (opt.LISTEN_PORT, opt.LISTEN_HOST)  # in the commands shown


def page(
    settings: Settings, facts: Facts, logs: Logs, documentation: Documentation | None
) -> Target:
    """What is loaded: the page, where there is no application."""
    if facts.target.kind != "welcome":
        return facts.target
    said = _said(settings, facts, logs, documentation)
    return Target("module", _MODULE, "", _CALLABLE, is_factory=True, keywords=said)


def _said(
    settings: Settings, facts: Facts, logs: Logs, documentation: Documentation | None
) -> dict[str, Any]:
    """The arguments of the callable, plain values."""
    version = ".".join(map(str, facts.httpd.version))
    given = [f"{row.flag} {settings[row]}" for row in _REPEATED if settings.is_given(row)]
    return {
        "directory": facts.target.name,
        "looked": list(facts.target.looked),
        "docs_url": f"{documentation.docs_url}/" if documentation else "",
        "options": given,
        "apache": f"{version}, {facts.httpd.program}",
        "log": logs.error_log,
        "mode": "debug" if settings[opt.DEBUG_MODE] else _mode(settings),
    }


def _mode(settings: Settings) -> str:
    return "embedded" if settings[opt.EMBEDDED_MODE] else "daemon"
