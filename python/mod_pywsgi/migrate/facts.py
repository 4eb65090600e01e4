"""All that is known of mod_wsgi's names, and looking one up."""

from mod_pywsgi.migrate.model import Fact, Section
from mod_pywsgi.migrate.tables import api, directives, environ, historic, options, statuses

SECTIONS: tuple[Section, ...] = (
    *directives.SECTIONS,
    options.SECTION,
    *environ.SECTIONS,
    *api.SECTIONS,
    statuses.SECTION,
)
# The module's own options; mod_wsgi never had them.
OWN_OPTIONS = frozenset(
    {
        "daemon-program",
        "env",
        "env-file",
        "interpreters",
        "max-unavailable",
        "maximum-requests-jitter",
        "preload",
        "private-tmp",
        "queue-size",
        "request-buffer-size",
        "reload-on-rss",
        "restart-interval-jitter",
        "schedule",
        "schedule-overlap",
        "schedule-timeout",
        "single-application",
        "warmup",
    }
)

_DIRECTIVES = {fact.name.lower(): fact for section in directives.SECTIONS for fact in section.facts}
_OPTIONS = {fact.name: fact for fact in options.SECTION.facts}
_HISTORIC = {name.lower(): what for name, what in historic.DIRECTIVES.items()}


def directive(name: str) -> Fact | None:
    """The row of a directive; Apache takes its name in any case."""
    return _DIRECTIVES.get(name.lower())


def option(name: str) -> Fact | None:
    """The row of an option of WSGIDaemonProcess."""
    return _OPTIONS.get(name)


def dropped(name: str) -> str | None:
    """What to do about a directive that mod_wsgi has dropped."""
    return _HISTORIC.get(name.lower())
