"""Commands for a server that runs."""

from collections.abc import Callable
from typing import Any

import click

from mod_pywsgi import console, servers
from mod_pywsgi import options as opt
from mod_pywsgi.commands import given
from mod_pywsgi.commands.given import with_options

_NAMING = (opt.SERVER_ROOT, opt.LISTEN_HOST, opt.LISTEN_PORT)


def _with_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which server it is for, and how to answer."""
    command = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")(
        command
    )
    command = click.option(
        "--socket",
        "socket",
        metavar="PATH",
        help="Control socket of an Apache that express did not start (WSGIControlSocket).",
    )(command)
    return with_options(_NAMING, command)


@click.command("status")
@_with_server
def status(socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Print what the processes of a running server do."""
    return console.status(servers.control(given.settings(arguments), socket), as_json=as_json)


@click.command("reload", short_help="Replace the processes without a gap: new code is served.")
@click.argument("group", required=False)
@_with_server
def reload(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Have new code served: replace all processes, of GROUP or of each group, without a gap.

    Waits until it is done. Ends with 1 if the new code does not start: the old is served on.
    """
    control = servers.control(given.settings(arguments), socket)
    return console.replace(control, "reload", group, as_json=as_json)


@click.command("restart", short_help="End the processes and start new ones at once.")
@click.argument("group", required=False)
@_with_server
def restart(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """End all processes, of GROUP or of each group, and start new ones; requests may wait.

    Ends with 1 if they do not start.
    """
    control = servers.control(given.settings(arguments), socket)
    return console.replace(control, "restart", group, as_json=as_json)


@click.command("scale", short_help="Change the number of processes.")
@click.argument("words", metavar="[GROUP] NUMBER|MIN-MAX", nargs=-1, required=True)
@_with_server
def scale(words: tuple[str, ...], socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Change the number of processes of GROUP, until the server is restarted."""
    if len(words) > 2:
        raise click.UsageError("It is: scale [GROUP] NUMBER, or scale [GROUP] MIN-MAX.")
    return console.scale(servers.control(given.settings(arguments), socket), words, as_json=as_json)


@click.command("stacks", short_help="Print what each thread is busy with.")
@click.argument("group", required=False)
@_with_server
def stacks(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Print the stacks of all threads, with their requests, of GROUP or of each group."""
    return console.stacks(
        servers.control(given.settings(arguments), socket), group, as_json=as_json
    )


@click.command("stop", short_help="Stop a server of express.")
@click.option(
    "--timeout",
    "patience",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=15,
    show_default=True,
    help="Time for running requests, at most the --stop-timeout that the server was started with;"
    " what runs longer is cut.",
)
@(lambda command: with_options(_NAMING, command))
def stop(patience: float, **arguments: Any) -> int:
    """Stop a server of express, and wait until it has ended."""
    return console.stop(servers.express(given.settings(arguments)), patience)


COMMANDS = (status, reload, restart, scale, stacks, stop)
