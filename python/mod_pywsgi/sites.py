"""Sites of the system's Apache: written, enabled and checked; or all taken back."""

import filecmp
import functools
import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mod_pywsgi import access, artifacts, certificates, identity, launch, render, vhost
from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError, HttpdError
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.httpd.system import SystemHttpd
from mod_pywsgi.identity import Identity
from mod_pywsgi.render import quote
from mod_pywsgi.settings import Settings
from mod_pywsgi.vhost import Site, Surroundings

_HEADER = "# Written by mod-pywsgi-express site"
_SEAL = re.compile(rf"{_HEADER} \(([0-9a-f]{{16}})\)")
_MODULE_HEADER = (
    "# Written by mod-pywsgi-express site: the module, for every site and version of Python.\n"
)


@dataclass(frozen=True)
class Change:
    """Something that was done.

    :param what: half a sentence. :param undo: what to type, empty where there is no need to.
    :param shared: other sites may need it too.
    """

    what: str
    undo: str
    revert: Callable[[], object]
    shared: bool = False


@dataclass
class Changes:
    """What was done, in order."""

    done: list[Change] = field(default_factory=list)

    def revert(self) -> None:
        for change in reversed(self.done):
            change.revert()
        self.done.clear()

    def undo(self, *, shared: bool) -> list[str]:
        """The commands that lead back, of what other sites may need too or of the rest."""
        return [
            change.undo for change in reversed(self.done) if change.undo and change.shared is shared
        ]


def decide(name: str, settings: Settings, argument: str | None, logs: Path) -> Site:
    """Look around, decide and check; nothing is written.

    :param logs: where Apache keeps its logs.
    :raises PywsgiError: anything that keeps the site from working.
    """
    python = artifacts.python_facts()
    artifacts.require_same_python(artifacts.find(), python)
    users = _users(settings)
    directories = frozenset(path for _, path in settings[opt.URL_ALIAS] if os.path.isdir(path))
    around = Surroundings(
        target=launch.find_target(settings, launch.entry_point(settings, argument), users[-1]),
        python=python,
        directories=directories,
        logs=logs,
    )
    site = vhost.make(name, settings, around)
    for who in users:
        access.require_readable(who, _needed(site, around, who is users[-1]))
        for host in site.hosts:
            if host.certificate:
                certificates.require_closed(host.certificate.key, who)
    return site


def _users(settings: Settings) -> list[Identity]:
    """Who has to be able to read the application: Apache's children, and last its own processes.

    Whoever is not root cannot try, and only prints the site.
    """
    if os.geteuid() != 0:
        return [identity.choose(None, None, None)]
    web = identity.choose(None, None, None)
    return [web, identity.choose(settings[opt.USER] or web.user, settings[opt.GROUP], None)]


def _needed(site: Site, around: Surroundings, runs: bool) -> Iterator[tuple[str, Path]]:
    yield "the application", site.script
    for alias in site.aliases:
        yield f"what is served at {alias.url}", alias.path
    if runs:
        yield "the Python installation", around.python.base
        yield "the Python environment", around.python.home
        yield "the program", artifacts.find().daemon


def modules_directory() -> Path:
    """Where Apache has its own modules.

    :raises HttpdError: it is not installed.
    """
    apxs = httpd_facts.find_apxs()
    answer = httpd_facts.query_apxs(apxs, "LIBEXECDIR") if apxs else ""
    return Path(answer) if answer else httpd_facts.find().modules_directory


def text(site: Site) -> str:
    """The file, sealed: what was changed by hand is not written over."""
    body = render.site(site)
    return f"{_HEADER} ({_digest(body)}): to change it, run the command again, or edit it.\n{body}"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _require_ours(file: Path) -> None:
    """Make sure that a file may be written.

    :raises ConfigError: somebody else wrote it, or changed it.
    """
    try:
        header, _, body = file.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read {file}: {error}.", "Choose another name.") from None
    seal = _SEAL.match(header)
    if seal is None:
        raise ConfigError(
            f"{file} exists, and this command did not write it.", "Choose another name."
        )
    if seal[1] != _digest(body):
        raise ConfigError(
            f"{file} has been changed by hand since this command wrote it.",
            f"Edit it, with what the same command prints with --print; or rename it first:"
            f" mv {file} {file}.old",
        )


def install(site: Site, apache: SystemHttpd) -> Changes:
    """Write the site, enable it, and have Apache check the whole; a failure leaves all as it was.

    :raises PywsgiError: the first thing that is wrong; nothing is changed then.
    """
    _require_ours(apache.site_file(site.name))
    complaint = apache.complaint()
    if complaint:
        raise HttpdError("Apache's configuration was wrong before; nothing was changed.", complaint)
    changes = Changes()
    try:
        for step in (_load_module, _load_others, _write_site, _check):
            step(site, apache, changes)
    except BaseException:
        changes.revert()
        raise
    return changes


def _check(site: Site, apache: SystemHttpd, changes: Changes) -> None:
    complaint = apache.complaint()
    if complaint:
        raise HttpdError(
            f"Apache refuses the site {site.name}; all is as it was before.", complaint
        )


# The steps


def _load_module(site: Site, apache: SystemHttpd, changes: Changes) -> None:
    """Have Apache load mod_pywsgi, from a copy that only root can change."""
    loaded = not {"wsgi", "pywsgi"}.isdisjoint(apache.modules())
    if loaded and not apache.has_pywsgi():
        how = (
            f"{apache.layout.switch[3]} wsgi" if apache.layout.switch else "take its LoadModule out"
        )
        raise HttpdError(
            "This Apache loads mod_wsgi, and one process cannot have both.",
            f"Disable that ({how}), or let mod_pywsgi take its place:"
            f" mod-pywsgi-express migrate {apache.folder}",
        )
    file = apache.module_file
    there = file.is_file()
    ours = there and file.read_text(errors="replace").startswith(_MODULE_HEADER)
    if ours or not (there or loaded):
        target = copy_module(apache.modules_directory, changes)
        _write(
            file, f"{_MODULE_HEADER}LoadModule wsgi_module {quote(target)}\n", changes, shared=True
        )
    if not loaded:
        _enable_module(apache, "pywsgi", changes)


def _load_others(site: Site, apache: SystemHttpd, changes: Changes) -> None:
    for name in sorted(set(site.modules) - apache.modules() - httpd_facts.find().built_in):
        if not apache.layout.switch:
            raise HttpdError(
                f"This Apache does not load mod_{name}, which the site needs.",
                f"Install the package that has it: dnf install mod_{name}",
            )
        _enable_module(apache, name, changes)


def _enable_module(apache: SystemHttpd, name: str, changes: Changes) -> None:
    if not apache.layout.switch:
        return
    _, _, enable, disable = apache.layout.switch
    before = apache.enabled_modules()
    apache.switch(enable, "-q", name)
    # It may need others, which are enabled too.
    names = sorted(apache.enabled_modules() - before, key=lambda found: (found != name, found))
    changes.done.append(
        Change(
            f"enabled the module {' and '.join(names)}",
            f"{disable} {' '.join(names)}",
            lambda: apache.switch(disable, "-q", "-f", *names),
            shared=True,
        )
    )


def _write_site(site: Site, apache: SystemHttpd, changes: Changes) -> None:
    layout = apache.layout
    was_enabled = layout.enabled and os.path.lexists(
        apache.folder / layout.enabled.format(site.name)
    )
    _write(apache.site_file(site.name), text(site), changes)
    if layout.switch and not was_enabled:
        enable, disable = layout.switch[:2]
        apache.switch(enable, "-q", site.name)
        changes.done.append(
            Change(
                f"enabled the site {site.name}",
                f"{disable} {site.name}",
                lambda: apache.switch(disable, "-q", site.name),
            )
        )


def copy_module(directory: Path, changes: Changes) -> Path:
    """Copy the module among Apache's own, unless that has been done.

    :return: the copy.
    :raises PywsgiError: it is not installed, or the directory cannot be written.
    """
    source, target = artifacts.find().module, directory / artifacts.MODULE
    if not (target.exists() and filecmp.cmp(source, target, shallow=False)):
        _change(target, source.read_bytes(), "copied the module to", changes, shared=True)
    return target


def _write(file: Path, content: str, changes: Changes, *, shared: bool = False) -> None:
    if not file.exists() or file.read_bytes() != content.encode():
        _change(file, content.encode(), "wrote", changes, shared=shared)


def _change(file: Path, content: bytes, did: str, changes: Changes, *, shared: bool) -> None:
    old = file.read_bytes() if file.exists() else None
    _replace(file, content)
    undo = f"rm {shlex.quote(str(file))}" if old is None else ""
    revert = file.unlink if old is None else functools.partial(_replace, file, old)
    changes.done.append(Change(f"{did} {file}", undo, revert, shared))


def _replace(file: Path, content: bytes) -> None:
    """Give a file new contents at once: a server that runs has the old file mapped.

    :raises ConfigError: it cannot be written.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_bytes(content)
        new.chmod(0o644)
        new.replace(file)
    except OSError as error:
        raise ConfigError(
            f"Cannot write {file}: {error.strerror}.", "Use sudo, or name another directory."
        ) from None
