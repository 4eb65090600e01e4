"""The way from options to a server root that can be started."""

import dataclasses
import locale
import os
import stat
import sys
from pathlib import Path

from mod_pywsgi import access, artifacts, discover, identity, instance, plan, preflight, render
from mod_pywsgi import options as opt
from mod_pywsgi.discover import Target
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.identity import Identity
from mod_pywsgi.plan import Machine, Plan
from mod_pywsgi.settings import Settings


def prepare(settings: Settings, argument: str | None, *, will_start: bool = False) -> Plan:
    """Decide, check and write the server root.

    :param argument: the application as given on the command line.
    :param will_start: the port has to be free now; otherwise when it is started.
    :raises PywsgiError: anything that keeps the server from working.
    """
    made = decide(settings, argument)
    if will_start:
        preflight.require_stopped(made)
        preflight.require_free_port(made)
    instance.write(made, _files(made))
    preflight.check_configuration(made)
    return made


def decide(settings: Settings, argument: str | None) -> Plan:
    """Look around, decide and check; nothing is written.

    :raises PywsgiError: anything that keeps the server from working.
    """
    entry = entry_point(settings, argument)
    who = identity.choose(settings[opt.USER], settings[opt.GROUP], _owner(settings, entry))
    target = _find_target(settings, entry, who)
    facts = plan.Facts(
        httpd=httpd_facts.find(),
        artifacts=artifacts.find(),
        python=artifacts.python_facts(),
        identity=who,
        target=target,
        machine=_machine(),
    )
    directories = frozenset(path for _, path in settings[opt.URL_ALIAS] if os.path.isdir(path))
    made = plan.make(settings, facts, directories)
    preflight.check(made)
    return made


def entry_point(settings: Settings, argument: str | None) -> str:
    """The application as the user named it."""
    return settings[opt.ENTRY_POINT] or argument or "."


def _owner(settings: Settings, entry: str) -> int | None:
    """Who owns the application, if that can be told before it has been found."""
    place = Path(entry)
    if settings[opt.APPLICATION_TYPE] == "module" or not os.path.exists(place):
        place = settings[opt.WORKING_DIRECTORY] or Path.cwd()
    try:
        return place.stat().st_uid
    except OSError:
        return None


def _find_target(settings: Settings, entry: str, who: Identity) -> Target:
    directory = settings[opt.WORKING_DIRECTORY] or Path.cwd()
    own = Path(sys.argv[0]).resolve().parent  # where Python put this program's own directory
    given: tuple[Path, ...] = settings[opt.PYTHON_PATH]
    search_path = [str(directory), *map(str, given)]
    search_path += [place for place in sys.path if place and Path(place) != own]
    request = discover.Request(
        kind=settings[opt.APPLICATION_TYPE],
        entry=entry,
        callable_name=settings[opt.CALLABLE_OBJECT],
        search_path=tuple(dict.fromkeys(search_path)),
    )
    found = access.as_user(who, lambda: dataclasses.asdict(discover.find(request)))
    return Target(**found)


def _machine() -> Machine:
    return Machine(
        current_directory=Path.cwd(),
        temporary_directory=instance.temporary_directory(),
        uid=os.geteuid(),
        locale=_utf8_locale(),
        stdout=_openable("/dev/stdout", "|$exec cat"),
        stderr=_openable("/dev/stderr", "|$exec cat >&2"),
    )


def _utf8_locale() -> str:
    """The user's locale if it is a UTF-8 one, else C.UTF-8, else none."""
    own = next(
        (os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), ""
    )
    previous = locale.setlocale(locale.LC_ALL)
    try:
        for name in (own, "C.UTF-8"):
            if "utf" not in name.lower():
                continue
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            return name
    finally:
        locale.setlocale(locale.LC_ALL, previous)
    return ""


def _openable(device: str, instead: str) -> str:
    """What Apache can open to write to a stream: a socket, for one, it cannot."""
    try:
        if stat.S_ISSOCK(os.stat(device).st_mode):
            return instead
        os.close(os.open(device, os.O_WRONLY | os.O_APPEND))
    except OSError:
        return instead
    return device


def _files(made: Plan) -> dict[str, instance.File]:
    paths = made.paths
    files = {
        paths.conf.name: instance.File(render.httpd_conf(made)),
        paths.apachectl.name: instance.File(render.apachectl(made), executable=True),
        paths.envvars.name: instance.File(render.envvars(made), keep=True),
    }
    if made.application.handler:
        files[paths.handler.name] = instance.File(render.handler_script(made), shared=True)
    return files
