"""Commands for the Apache that the distribution has set up."""

import os
from pathlib import Path
from typing import Any

import click

from mod_pywsgi import launch, log, render, rotation, runner, sites, vhost
from mod_pywsgi.commands import given
from mod_pywsgi.commands.help import SectionedCommand
from mod_pywsgi.errors import ConfigError, HttpdError
from mod_pywsgi.httpd import facts, system
from mod_pywsgi.httpd.system import LAYOUTS, SystemHttpd


@click.command(
    "site", cls=SectionedCommand, short_help="Make an application a site of the system's Apache."
)
@click.argument("name")
@click.argument("application", required=False)
@click.option("--print", "only_print", is_flag=True, help="Print the site, and change nothing.")
@click.option(
    "--conf-directory",
    metavar="DIRECTORY",
    help="Where Apache's configuration is.  [$APACHE_CONFDIR, else /etc/apache2 or /etc/httpd]",
)
@click.option(
    "--modules-directory",
    metavar="DIRECTORY",
    help="Where to copy the module.  [Apache's own modules directory]",
)
@(lambda command: given.with_options(vhost.OPTIONS, command))
def site(
    name: str,
    application: str | None,
    only_print: bool,
    conf_directory: str | None,
    modules_directory: str | None,
    **arguments: Any,
) -> int:
    """Make APPLICATION a site of the system's Apache: a virtual host with its own processes.

    NAME is that of the file and of the process group. The site is written, enabled and checked;
    if Apache refuses it, all is as it was before.
    """
    runner.end_at_sigterm()
    settings = given.settings(arguments, application)
    folder = Path(conf_directory) if conf_directory else None
    if only_print:
        made = sites.decide(name, settings, application, _usual_logs(folder))
        log.say(sites.text(made).rstrip("\n"))
        return 0
    modules = Path(modules_directory).absolute() if modules_directory else sites.modules_directory()
    apache = system.find(facts.find_program(), folder, modules)
    made = sites.decide(name, settings, application, apache.logs)
    _say(made, apache, sites.install(made, apache))
    return 0


def _usual_logs(folder: Path | None) -> Path:
    """Where Apache keeps its logs, or would if there is none here."""
    try:
        return system.find(facts.find_program(), folder, Path()).logs
    except (ConfigError, HttpdError):
        return Path(LAYOUTS[0].logs)


def _say(made: vhost.Site, apache: SystemHttpd, changes: sites.Changes) -> None:
    sudo = "sudo " if os.environ.get("SUDO_USER") else ""

    def commands(*words: str) -> str:
        return " && ".join(sudo + word for word in words)

    for change in changes.done:
        log.note(change.what)
    if not changes.done:
        log.note("all of it is there already; nothing was changed")
        return
    log.say(f"Site   : {made.url}")
    log.say(f"Log    : {made.error_log}")
    log.say(f"Serve  : {commands(apache.reload)}")
    undo = changes.undo(shared=False)
    if undo:
        log.say(f"Undo   : {commands(*undo, apache.reload)}")
    rest = changes.undo(shared=True)
    if rest:
        log.say(f"Module : {commands(*rest)}    # when no site needs it any more")


@click.command(
    "logrotate-snippet",
    cls=SectionedCommand,
    short_help="Print how logrotate is to rotate the logs of a server.",
)
@given.with_application
def logrotate_snippet(application: str | None, **arguments: Any) -> int:
    """Print what logrotate has to be told about the logs of start-server with these options."""
    plan = launch.decide(given.settings(arguments, application), application)
    log.say(render.logrotate(rotation.make(plan)).rstrip("\n"))
    return 0


COMMANDS = (site, logrotate_snippet)
