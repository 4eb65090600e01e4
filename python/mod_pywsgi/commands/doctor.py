"""The command that looks whether a server would work here."""

import json
from typing import Any

import click

from mod_pywsgi import doctor, log
from mod_pywsgi.commands import given
from mod_pywsgi.commands.given import with_application
from mod_pywsgi.commands.help import SectionedCommand
from mod_pywsgi.doctor import report
from mod_pywsgi.doctor.model import FAILURE, Subject


@click.command("doctor", cls=SectionedCommand, short_help="Look whether a server would work here.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@with_application
def examine(application: str | None, as_json: bool, **arguments: Any) -> int:
    """Look whether a server would work here, and say what to type where it would not.

    Takes what start-server takes; without APPLICATION it looks at the machine. Ends with 1 if
    something has to be mended.
    """
    subject = Subject(given.settings(arguments, application), application)
    findings = list(doctor.examine(subject))
    if as_json:
        log.say(json.dumps(report.document(findings), indent=2))
    else:
        for line in report.lines(findings):
            log.say(line)
    return int(any(finding.level == FAILURE for _, found in findings for finding in found))


COMMANDS = (examine,)
