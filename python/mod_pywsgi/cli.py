"""The program mod-pywsgi-express: its commands, and what becomes of errors."""

import os
import sys
from collections.abc import Sequence

import click

from mod_pywsgi import __version__, log, names
from mod_pywsgi.commands import SECTIONS
from mod_pywsgi.commands.help import SectionedGroup
from mod_pywsgi.errors import ConfigError, PywsgiError

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    words = [os.path.expandvars(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        code = commands.main(args=words, prog_name=log.PROGRAM, standalone_mode=False)
    except click.NoSuchOption as error:
        _fail(names.unknown_option(error.option_name.lstrip("-"), error.option_name))
    except click.BadOptionUsage as error:
        _fail(_bad_usage(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except PywsgiError as error:
        _fail(error)
    sys.exit(code if isinstance(code, int) else 0)


def _bad_usage(error: click.BadOptionUsage) -> ConfigError:
    """An option has too few words, or a flag has one."""
    option = names.find(error.option_name.lstrip("-"))
    words = " ".join(option.metavar) if option else ""
    hint = f"It is: {error.option_name} {words}".rstrip() if option else ""
    return ConfigError(error.message, hint)


def _fail(error: PywsgiError) -> None:
    log.note(f"error: {error}")
    sys.exit(error.exit_code)


@click.group(cls=SectionedGroup, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name=log.PROGRAM)
def commands() -> None:
    """Serve a Python web application with Apache httpd.

    To begin: mod-pywsgi-express start-server, in the directory of the application.
    """


commands.sections = SECTIONS
for _command in (command for _, members in SECTIONS for command in members):
    commands.add_command(_command)
