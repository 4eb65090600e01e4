"""The way from options to a server root that can be started."""

import dataclasses
import locale
import os
import stat
import sys
from pathlib import Path

from mod_pywsgi import (
    access,
    artifacts,
    certificates,
    discover,
    identity,
    instance,
    plan,
    preflight,
    render,
)
from mod_pywsgi import options as opt
from mod_pywsgi.discover import Target, paste
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.identity import Identity
from mod_pywsgi.options import paths as opt_paths
from mod_pywsgi.plan import Machine, Plan
from mod_pywsgi.settings import Settings


def prepare(settings: Settings, argument: str | None, *, will_start: bool = False) -> Plan:
    """Decide, check and write the server root.

    :param argument: the application as given on the command line.
    :param will_start: the port has to be free now; otherwise when it is started.
    :raises PywsgiError: anything that keeps the server from working.
    """
    made = decide(settings, argument, may_be_missing=True)
    if will_start:
        preflight.require_stopped(made)
        preflight.require_free_port(made)
    write(made)
    return made


def write(made: Plan) -> None:
    """Write the server root, and have Apache read it.

    :raises PywsgiError: it cannot be written, or Apache does not like it.
    """
    preflight.make_directories(made)
    instance.write(made, _files(made))
    instance.prepare_logs(made)
    preflight.check_configuration(made)


def decide(settings: Settings, argument: str | None, *, may_be_missing: bool = False) -> Plan:
    """Look around, decide and check; nothing is written.

    :param may_be_missing: nothing named, and nothing found, is a page that says so.
    :raises PywsgiError: anything that keeps the server from working.
    """
    entry = entry_point(settings, argument)
    who = choose_identity(settings, entry)
    is_named = bool(argument or settings[opt.ENTRY_POINT] or settings[opt.CALLABLE_OBJECT])
    target = find_target(settings, entry, who, may_be_missing=may_be_missing and not is_named)
    python = artifacts.python_facts()
    facts = plan.Facts(
        httpd=httpd_facts.find(
            program=settings[opt_paths.HTTPD_EXECUTABLE],
            modules_directory=settings[opt_paths.MODULES_DIRECTORY],
        ),
        artifacts=artifacts.find(),
        python=python,
        identity=who,
        target=target,
        machine=machine(),
        manual=artifacts.manual(python),
    )
    made = make_plan(settings, facts)
    preflight.check(made)
    return dataclasses.replace(made, remarks=(*made.remarks, *certificates.check(made)))


def make_plan(settings: Settings, facts: plan.Facts) -> Plan:
    """The plan, from what was found out.

    :raises PywsgiError: options contradict each other, or something is not installed.
    """
    directories = frozenset(path for _, path in settings[opt.URL_ALIAS] if os.path.isdir(path))
    facts = dataclasses.replace(facts, has_rules=_has_rules(settings, facts))
    return plan.make(settings, facts, directories)


def choose_identity(settings: Settings, entry: str) -> Identity:
    """As whom the application will run.

    :raises ConfigError: there is no such user, it is root, or only root could become it.
    """
    return identity.choose(settings[opt.USER], settings[opt.GROUP], _owner(settings, entry))


def _has_rules(settings: Settings, facts: plan.Facts) -> bool:
    """Whether the server root has rules of mod_rewrite, written by its owner."""
    root = plan.root_of(settings, facts)
    if not instance.is_ours(root):
        return False
    try:
        text = plan.Paths(root).rewrite.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def entry_point(settings: Settings, argument: str | None) -> str:
    """The application as the user named it."""
    return settings[opt.ENTRY_POINT] or argument or "."


def _owner(settings: Settings, entry: str) -> int | None:
    """Who owns the application, if that can be told before it has been found."""
    place = Path(entry)
    if settings[opt.APPLICATION_TYPE] == "paste":
        place = Path(paste.split(entry)[0])
    if settings[opt.APPLICATION_TYPE] == "module" or not os.path.exists(place):
        place = settings[opt.WORKING_DIRECTORY] or Path.cwd()
    try:
        return place.stat().st_uid
    except OSError:
        return None


def find_target(
    settings: Settings, entry: str, who: Identity, *, may_be_missing: bool = False
) -> Target:
    """Find the application as the user that it will run as.

    :param may_be_missing: a directory without any is an answer.
    :raises ApplicationError: saying what was looked for and where.
    """
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
        flask_app=os.environ.get("FLASK_APP", ""),
        may_be_missing=may_be_missing,
    )
    found = access.as_user(who, lambda: dataclasses.asdict(discover.find(request)))
    # Out of JSON.
    return Target(
        **{**found, "arguments": tuple(found["arguments"]), "looked": (*found["looked"],)}
    )


def machine() -> Machine:
    """What this run finds around it."""
    return Machine(
        current_directory=Path.cwd(),
        temporary_directory=instance.temporary_directory(),
        uid=os.geteuid(),
        locale=_utf8_locale(),
        stdout=_openable("/dev/stdout", "|$exec cat"),
        stderr=_openable("/dev/stderr", "|$exec cat >&3"),
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
        paths.rewrite.name: instance.File(render.rewrite_rules(made), keep=True),
    }
    for name, text in certificates.own(made).items():
        files[name] = instance.File(text)
    if not paths.given_envvars:
        files[paths.envvars.name] = instance.File(render.envvars(made), keep=True)
    if paths.given_pid_file:
        files[paths.pid_file_note.name] = instance.File(f"{paths.given_pid_file}\n")
    if made.static.endings:
        files[paths.resource.name] = instance.File(render.resource_script(made), shared=True)
    if made.application.handler:
        files[paths.handler.name] = instance.File(render.handler_script(made), shared=True)
    return files
