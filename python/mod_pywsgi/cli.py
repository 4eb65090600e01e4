"""The command mod-pywsgi-express. Its options come from the table."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mod_pywsgi import (
    __version__,
    artifacts,
    console,
    docs,
    launch,
    log,
    render,
    runner,
    servers,
    summary,
    unit,
)
from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError, HttpdError, PywsgiError
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.migrate import run
from mod_pywsgi.options import OPTIONS, Option
from mod_pywsgi.render import quote
from mod_pywsgi.settings import Layer, Settings, read_file, resolve, unknown_option

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    words = [os.path.expandvars(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        code = commands.main(args=words, prog_name=log.PROGRAM, standalone_mode=False)
    except click.NoSuchOption as error:
        _fail(unknown_option(error.option_name.lstrip("-"), error.option_name))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except PywsgiError as error:
        _fail(error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: PywsgiError) -> None:
    log.note(f"error: {error}")
    sys.exit(error.exit_code)


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name=log.PROGRAM)
def commands() -> None:
    """Serve a Python web application with Apache httpd."""


# Options


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of the table, the application and the settings file."""
    command = _with(OPTIONS, command)
    return click.argument("application", required=False)(command)


def _with(options: Sequence[Option[Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command some options of the table, and the settings file."""
    for option in reversed(options):
        command = _click_option(option)(command)
    return click.option(
        "--config",
        "config",
        metavar="FILE",
        help="Settings file in TOML: a key for each option, with _ for -.",
    )(command)


def _click_option(option: Option[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if option.is_flag:
        return click.option(option.flag, option.key, is_flag=True, default=None, help=option.help)
    default = option.default_note or (None if option.default in (None, ()) else option.default)
    shown = f"{option.help}  [{default}]" if default is not None else option.help
    return click.option(
        option.flag,
        option.key,
        nargs=len(option.metavar),
        multiple=option.repeats,
        default=None,
        metavar=" ".join(option.metavar),
        help=shown.replace("`", ""),
    )


def _layer(arguments: dict[str, Any]) -> Layer:
    """What the command line gave, as words."""
    layer: dict[str, list[tuple[str, ...]]] = {}
    for option in OPTIONS:
        given = arguments.get(option.key)
        if given is None or given == ():
            continue
        occurrences = given if option.repeats else [given]
        layer[option.name] = [
            ("on",) if item is True else (item,) if isinstance(item, str) else tuple(item)
            for item in occurrences
        ]
    return layer


def _settings(arguments: dict[str, Any]) -> Settings:
    config = arguments.pop("config") or os.environ.get("PYWSGI_CONFIG")
    file = read_file(Path(config)) if config else None
    return resolve(_layer(arguments), os.environ, file, config or "")


# Commands


@commands.command("start-server")
@_with_options
def start_server(application: str | None, **arguments: Any) -> int:
    """Serve APPLICATION, a script, a module or a directory, in the foreground."""
    runner.end_at_sigterm()
    settings = _settings(arguments)
    setup_only = settings[opt.SETUP_ONLY]
    plan = launch.prepare(settings, application, will_start=not setup_only)
    for remark in plan.remarks:
        log.note(remark)
    if setup_only:
        log.say(summary.text(plan, f"{plan.paths.apachectl} stop"))
        return 0
    stop = "Ctrl-C" if runner.has_terminal() or plan.debug else f"{plan.paths.apachectl} stop"
    log.say(summary.text(plan, stop))
    return runner.run(plan)


@commands.command("setup-server")
@_with_options
def setup_server(application: str | None, **arguments: Any) -> int:
    """Generate the server root for APPLICATION, to be started with its apachectl."""
    plan = launch.prepare(_settings(arguments), application)
    for remark in plan.remarks:
        log.note(remark)
    log.say(summary.text(plan, f"{plan.paths.apachectl} stop"))
    return 0


@commands.command("systemd-unit")
@click.option("--name", metavar="NAME", help="Of the unit, without .service.  [mod_pywsgi-PORT]")
@_with_options
def systemd_unit(application: str | None, name: str | None, **arguments: Any) -> int:
    """Print a unit of systemd that serves APPLICATION with these options."""
    settings = _settings(arguments)
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


# Commands for a server that runs

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
    return _with(_NAMING, command)


@commands.command("status")
@_with_server
def status(socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Print what the processes of a running server do."""
    return console.status(servers.control(_settings(arguments), socket), as_json=as_json)


@commands.command("reload")
@click.argument("group", required=False)
@_with_server
def reload(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Have new code served: replace all processes, of GROUP or of each group, without a gap.

    Waits until it is done. Ends with 1 if the new code does not start: the old is served on.
    """
    control = servers.control(_settings(arguments), socket)
    return console.replace(control, "reload", group, as_json=as_json)


@commands.command("restart")
@click.argument("group", required=False)
@_with_server
def restart(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """End all processes, of GROUP or of each group, and start new ones; requests may wait.

    Ends with 1 if they do not start.
    """
    control = servers.control(_settings(arguments), socket)
    return console.replace(control, "restart", group, as_json=as_json)


@commands.command("scale")
@click.argument("words", metavar="[GROUP] NUMBER|MIN-MAX", nargs=-1, required=True)
@_with_server
def scale(words: tuple[str, ...], socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Change the number of processes of GROUP, until the server is restarted."""
    if len(words) > 2:
        raise click.UsageError("It is: scale [GROUP] NUMBER, or scale [GROUP] MIN-MAX.")
    return console.scale(servers.control(_settings(arguments), socket), words, as_json=as_json)


@commands.command("stacks")
@click.argument("group", required=False)
@_with_server
def stacks(group: str | None, socket: str | None, as_json: bool, **arguments: Any) -> int:
    """Print the stacks of all threads, with their requests, of GROUP or of each group."""
    return console.stacks(servers.control(_settings(arguments), socket), group, as_json=as_json)


@commands.command("stop")
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
@(lambda command: _with(_NAMING, command))
def stop(patience: float, **arguments: Any) -> int:
    """Stop a server of express, and wait until it has ended."""
    return console.stop(servers.express(_settings(arguments)), patience)


@commands.command("module-location")
def module_location() -> None:
    """Print the path of the Apache module."""
    log.say(str(artifacts.find().module))


@commands.command("module-config")
def module_config() -> None:
    """Print the directives that load the module with this Python environment."""
    _say_directives(artifacts.find().module)


@commands.command("install-module")
@click.option(
    "--modules-directory",
    metavar="DIRECTORY",
    help="Where to copy it.  [Apache's own modules directory]",
)
def install_module(modules_directory: str | None) -> None:
    """Copy the module among Apache's own and print the directives that load it."""
    source = artifacts.find().module
    directory = Path(modules_directory).absolute() if modules_directory else _apache_modules()
    target = directory / source.name
    temporary = target.with_suffix(".new")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o644)
        # Not written over: a server that runs has the old file mapped.
        temporary.replace(target)
    except OSError as error:
        raise ConfigError(
            f"Cannot copy the module to {target}: {error.strerror}.",
            "Use sudo, or name a directory with --modules-directory.",
        ) from None
    _say_directives(target)


def _apache_modules() -> Path:
    apxs = httpd_facts.find_apxs()
    answer = httpd_facts.query_apxs(apxs, "LIBEXECDIR") if apxs else ""
    return Path(answer) if answer else httpd_facts.find().modules_directory


def _say_directives(module: Path) -> None:
    if not module.is_file():
        raise HttpdError(f"{module} does not exist.")
    log.say(f"LoadModule wsgi_module {quote(module)}")
    log.say(f"WSGIPythonHome {quote(sys.prefix)}")


@commands.command("migrate")
@click.argument("path", metavar="FILE|DIRECTORY", type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Make the changes; each file is kept beside itself.")
def migrate(path: Path, write: bool) -> int:
    """Say what a configuration of Apache that was written for mod_wsgi needs.

    Ends with 0 if nothing is left to do, and with 1 if something is.
    """
    return run.migrate(path, write=write)


@commands.command("docs", hidden=True)
@click.argument("page", required=False, type=click.Path(path_type=Path))
def print_docs(page: Path | None) -> None:
    """Print the table of options, or bring PAGE up to date with its table."""
    if page is None:
        log.say(docs.options_table())
    else:
        docs.update(page)
