"""Commands about the module, the configuration of an Apache, and the documentation."""

import sys
from pathlib import Path

import click

from mod_pywsgi import artifacts, docs, log, sites
from mod_pywsgi.errors import HttpdError
from mod_pywsgi.migrate import run
from mod_pywsgi.render import quote


@click.command("module-location")
def module_location() -> None:
    """Print the path of the Apache module."""
    log.say(str(artifacts.find().module))


@click.command("module-config", short_help="Print the directives that load the module.")
def module_config() -> None:
    """Print the directives that load the module with this Python environment."""
    _say_directives(artifacts.find().module)


@click.command("install-module", short_help="Copy the module among Apache's own.")
@click.option(
    "--modules-directory",
    metavar="DIRECTORY",
    help="Where to copy it.  [Apache's own modules directory]",
)
def install_module(modules_directory: str | None) -> None:
    """Copy the module among Apache's own and print the directives that load it."""
    directory = (
        Path(modules_directory).absolute() if modules_directory else sites.modules_directory()
    )
    _say_directives(sites.copy_module(directory, sites.Changes()))


def _say_directives(module: Path) -> None:
    if not module.is_file():
        raise HttpdError(f"{module} does not exist.")
    log.say(f"LoadModule wsgi_module {quote(module)}")
    log.say(f"WSGIPythonHome {quote(sys.prefix)}")


@click.command("migrate", short_help="Say what a configuration for mod_wsgi needs.")
@click.argument("path", metavar="FILE|DIRECTORY", type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Make the changes; each file is kept beside itself.")
def migrate(path: Path, write: bool) -> int:
    """Say what a configuration of Apache that was written for mod_wsgi needs.

    Ends with 0 if nothing is left to do, and with 1 if something is.
    """
    return run.migrate(path, write=write)


@click.command("docs", hidden=True)
@click.argument("page", required=False, type=click.Path(path_type=Path))
def print_docs(page: Path | None) -> None:
    """Print the table of options, or bring PAGE up to date with its table."""
    if page is None:
        log.say(docs.options_table())
    else:
        docs.update(page)


COMMANDS = (module_location, module_config, install_module, migrate, print_docs)
