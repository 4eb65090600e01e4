"""The control script."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi.options import paths as options
from mod_pywsgi.plan import variables
from mod_pywsgi.plan.application import Application
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings


@dataclass(frozen=True)
class Script:
    """The control script.

    :param process_name: None for the program's own.
    :param exports: variables for Apache's configuration, and for its processes.
    """

    shell: Path
    process_name: str | None
    exports: tuple[tuple[str, str], ...]


def decide(
    settings: Settings, facts: Facts, paths: Paths, listen: Listen, application: Application
) -> Script:
    """Decide it."""
    exports = {
        "MOD_WSGI_MODULES_DIRECTORY": str(facts.httpd.modules_directory),
        "MOD_WSGI_SERVER_ROOT": str(paths.root),
        "MOD_WSGI_LISTENER_HOST": listen.host or "",
        "MOD_WSGI_HTTP_PORT": str(listen.port),
        "MOD_WSGI_HTTPS_PORT": str(listen.https_port or ""),
        "MOD_WSGI_USER": facts.identity.user,
        "MOD_WSGI_GROUP": facts.identity.group,
        "MOD_WSGI_WORKING_DIRECTORY": str(application.working_directory),
    }
    if application.embedded:  # the application has Apache's own environment
        exports.update(variables.decide(settings))
        given: tuple[tuple[str, str], ...] = settings[opt.ENV]
        exports.update(given)
    return Script(
        shell=settings[options.SHELL_EXECUTABLE] or Path("/bin/sh"),
        process_name=settings[options.PROCESS_NAME],
        exports=tuple(exports.items()),
    )
