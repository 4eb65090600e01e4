"""What commands are given: options of the table as click's, and the settings made of them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from mod_pywsgi import settings_file
from mod_pywsgi.commands.help import SectionedOption
from mod_pywsgi.options import ENTRY_POINT, OPTIONS, Option
from mod_pywsgi.options.model import Layer
from mod_pywsgi.settings import Settings, resolve


def with_application(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of the table, the application and the settings file."""
    command = with_options(OPTIONS, command)
    return click.argument("application", required=False, shell_complete=_files)(command)


def with_options(options: Sequence[Option[Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command some options of the table, and the settings file."""
    for option in reversed(options):
        command = _click_option(option)(command)
    command = click.option("--no-config", "no_config", is_flag=True, help="Read no settings file.")(
        command
    )
    return click.option(
        "--config",
        "config",
        metavar="FILE",
        shell_complete=_files,
        help="Settings file in TOML: a key for each option, with _ for -.  [pywsgi.toml, or"
        " pyproject.toml with a table [tool.mod_pywsgi], of the application's or the current"
        " directory]",
    )(command)


def _click_option(option: Option[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if option.is_flag:
        off = f"/{option.off_flag}" if option.off_flag else ""
        return click.option(
            *(flag + off for flag in option.flags[:1]),
            *option.flags[1:],
            option.key,
            cls=SectionedOption,
            section=option.section,
            is_flag=True,
            default=None,
            hidden=option.hidden,
            help=option.help,
        )
    default = option.default_note or (None if option.default in (None, ()) else option.default)
    shown = f"{option.help}  [{default}]" if default is not None else option.help
    return click.option(
        *option.flags,
        option.key,
        cls=SectionedOption,
        section=option.section,
        hidden=option.hidden,
        nargs=len(option.metavar),
        multiple=option.repeats,
        default=None,
        metavar=" ".join(option.metavar),
        shell_complete=_completer(option),
        help=shown.replace("`", ""),
    )


# What a shell completes


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _files(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    return [CompletionItem(begun, type="file")]


def _directories(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    return [CompletionItem(begun, type="dir")]


def _completer(option: Option[Any]) -> Completer | None:
    """What a shell offers for the words of an option."""
    if any(option.paths):
        return _directories if option.metavar[-1] == "DIRECTORY" else _files
    if not option.choices:
        return None

    def choices(
        _context: click.Context, _parameter: click.Parameter, begun: str
    ) -> list[CompletionItem]:
        return [CompletionItem(word) for word in option.choices if word.startswith(begun)]

    return choices


# What is made of them


def settings(
    arguments: dict[str, Any], application: str | None = None, *, beside: Path | None = None
) -> Settings:
    """The settings of this run, of what click has read and what is said elsewhere.

    :param application: the argument that names it, if the command has one.
    :param beside: where a settings file is looked for first, if no application is named.
    :raises ConfigError: naming the source and what it should have said.
    """
    entry = arguments.get(ENTRY_POINT.key) or application or os.environ.get(ENTRY_POINT.env)
    if entry is None and ENTRY_POINT.key in arguments:
        entry = str(beside or ".")  # where the application is looked for
    named = arguments.pop("config") or os.environ.get("PYWSGI_CONFIG")
    path: Path | None
    if arguments.pop("no_config") or named == "":
        path = None
    else:
        path = Path(named) if named else settings_file.find(entry, _current_directory())
    file = settings_file.read_file(path) if path else None
    return resolve(_layer(arguments), os.environ, file, str(path or ""), application)


def _current_directory() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _layer(arguments: dict[str, Any]) -> Layer:
    """What the command line gave, as words."""
    layer: dict[str, list[tuple[str, ...]]] = {}
    for option in OPTIONS:
        given = arguments.get(option.key)
        if given is None or given == ():
            continue
        occurrences = given if option.repeats else [given]
        layer[option.name] = [
            ("on" if item else "off",)
            if isinstance(item, bool)
            else (item,)
            if isinstance(item, str)
            else tuple(item)
            for item in occurrences
        ]
    return layer
