"""The command for the shell that completes the others."""

import sys

import click
from click.shell_completion import get_completion_class

from mod_pywsgi import log

_VARIABLE = "_MOD_PYWSGI_EXPRESS_COMPLETE"  # as click derives it from the program's name

# Where a shell looks for it, as what one types.
_PLACES = {
    "bash": (
        f"""echo 'eval "$({log.PROGRAM} completion bash)"' >> ~/.bashrc""",
        "or, with Debian's package bash-completion and without starting Python in each new shell:",
        "mkdir -p ~/.local/share/bash-completion/completions",
        f"{log.PROGRAM} completion bash > ~/.local/share/bash-completion/completions/{log.PROGRAM}",
    ),
    "zsh": (
        f"""echo 'eval "$({log.PROGRAM} completion zsh)"' >> ~/.zshrc""",
        "which must have called compinit before: autoload -Uz compinit && compinit",
    ),
    "fish": (
        "mkdir -p ~/.config/fish/completions",
        f"{log.PROGRAM} completion fish > ~/.config/fish/completions/{log.PROGRAM}.fish",
    ),
}


@click.command("completion", short_help="Print what has a shell complete commands and options.")
@click.argument("shell", type=click.Choice(list(_PLACES)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that has SHELL complete commands, options, their values and files.

    To a terminal it also says where to put it.
    """
    kind = get_completion_class(shell)
    if kind is None:  # what click has, it has for all of _PLACES
        raise click.UsageError(f"There is no completion for {shell}.")
    log.say(kind(context.find_root().command, {}, log.PROGRAM, _VARIABLE).source().strip())
    if sys.stdout.isatty():
        log.note("to have it in every shell that you start:")
        for line in _PLACES[shell]:
            print(f"  {line}", file=sys.stderr)


COMMANDS = (completion,)
