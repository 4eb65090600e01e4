"""Commands about settings."""

import json
import os
from typing import Any

import click

from mod_pywsgi import explain, log, names
from mod_pywsgi.commands import given
from mod_pywsgi.commands.given import with_application
from mod_pywsgi.commands.help import SectionedCommand


@click.command(
    "config", cls=SectionedCommand, short_help="Print the options that apply, and where from."
)
@click.option("--explain", "explained", is_flag=True, help="Say where each value came from, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--all", "everything", is_flag=True, help="Show options that were not given, too.")
@with_application
def config(
    application: str | None, explained: bool, as_json: bool, everything: bool, **arguments: Any
) -> None:
    """Print the values of the options, as a settings file that gives the same.

    They come from the command line, else from variables PYWSGI_..., else from a settings file.
    """
    settings = given.settings(arguments, application)
    for variable, meant in names.unknown_variables(os.environ).items():
        log.note(f"{variable} is no option's variable. Did you mean {meant.env}?")
    if as_json:
        log.say(json.dumps(explain.as_document(settings, everything=everything), indent=2))
        return
    show = explain.as_table if explained else explain.as_toml
    for line in show(settings, everything=everything):
        log.say(line)


COMMANDS = (config,)
