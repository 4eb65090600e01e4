"""The commands of mod-pywsgi-express. A new one is a row in the COMMANDS of its module."""

import click

from mod_pywsgi.commands import control, doctor, serve, settings, shell, system, tools

# In the order in which `--help` shows them.
SECTIONS: tuple[tuple[str, tuple[click.Command, ...]], ...] = (
    ("Serve an application", serve.COMMANDS),
    ("A server that runs", control.COMMANDS),
    ("Help and settings", (*doctor.COMMANDS, *settings.COMMANDS, *shell.COMMANDS)),
    ("The system's Apache", (*system.COMMANDS, *tools.COMMANDS)),
)
