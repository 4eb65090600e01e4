"""Commands that serve an application, or prepare that."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from mod_pywsgi import launch, log, render, runner, summary, unit
from mod_pywsgi import options as opt
from mod_pywsgi.commands import given
from mod_pywsgi.commands.given import with_application
from mod_pywsgi.commands.help import SectionedCommand
from mod_pywsgi.settings import Settings


@click.command(
    "start-server", cls=SectionedCommand, short_help="Serve an application, in the foreground."
)
@with_application
def start_server(application: str | None, **arguments: Any) -> int:
    """Serve APPLICATION, a script, a module or a directory, in the foreground."""
    runner.end_at_sigterm()
    return run(given.settings(arguments, application), application)


def run(settings: Settings, application: str | None) -> int:
    """Serve an application in the foreground, or prepare that; the exit code.

    :raises PywsgiError: anything that keeps the server from working.
    """
    setup_only = settings[opt.SETUP_ONLY]
    plan = launch.prepare(settings, application, will_start=not setup_only)
    for remark in plan.remarks:
        log.note(remark)
    if setup_only:
        log.say(summary.text(plan, f"{plan.paths.apachectl} stop"))
        return 0
    stop = "Ctrl-C" if runner.has_terminal() or plan.debug else f"{plan.paths.apachectl} stop"
    if plan.tools.gdb:
        stop = "Ctrl-C, then q at the prompt of gdb"
    log.say(summary.text(plan, stop))
    return runner.run(plan)


@click.command(
    "setup-server",
    cls=SectionedCommand,
    short_help="Generate the server's files, to be started by apachectl.",
)
@with_application
def setup_server(application: str | None, **arguments: Any) -> int:
    """Generate the server root for APPLICATION, to be started with its apachectl."""
    plan = launch.prepare(given.settings(arguments, application), application)
    for remark in plan.remarks:
        log.note(remark)
    log.say(summary.text(plan, f"{plan.paths.apachectl} stop"))
    return 0


@click.command(
    "systemd-unit",
    cls=SectionedCommand,
    short_help="Print a unit of systemd that serves an application.",
)
@click.option("--name", metavar="NAME", help="Of the unit, without .service.  [mod_pywsgi-PORT]")
@with_application
def systemd_unit(application: str | None, name: str | None, **arguments: Any) -> int:
    """Print a unit of systemd that serves APPLICATION with these options."""
    settings = given.settings(arguments, application)
    plan = launch.decide(settings, application)
    for remark in plan.remarks:
        log.note(remark)
    entry = launch.entry_point(settings, application)
    entry = os.path.abspath(entry) if os.path.exists(entry) else entry
    made = unit.make(plan, settings, entry, _own_command(), os.environ, name)
    log.say(render.systemd_unit(made).rstrip("\n"))
    return 0


def _own_command() -> tuple[str, ...]:
    """This command by its absolute path, with the Python that runs it."""
    python = os.path.abspath(sys.executable)
    script = Path(python).with_name(log.PROGRAM)
    return (str(script),) if script.exists() else (python, "-m", "mod_pywsgi")


COMMANDS = (start_server, setup_server, systemd_unit)
