"""How the application is mapped and run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, access, environment
from mod_pywsgi.options import static as files
from mod_pywsgi.plan import daemon
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.interpreter import Interpreter
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.plan.surroundings import python_path, working_directory
from mod_pywsgi.plan.tools import Tools
from mod_pywsgi.settings import Settings
from mod_pywsgi.types import Range

_ONE = Range(1, 1)

# Options that name scripts, of which a site without an application may have some.
_WITH_SCRIPTS: tuple[Option[Any], ...] = (
    access.HOST_ACCESS_SCRIPT,
    access.AUTH_USER_SCRIPT,
    files.ADD_HANDLER,
)


@dataclass(frozen=True)
class Handler:
    """What the generated handler script is told. It exists where the plain script won't do.

    :param touched: the file whose change makes the application be loaded anew.
    :param mount: where it is asked for what the document root has not: its URL path, else None.
    """

    kind: str
    name: str
    callable_name: str
    is_factory: bool
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    working_directory: str | None
    reload_on_changes: bool
    touched: str | None
    mount: str | None
    debug: dict[str, str | bool | None] | None


@dataclass(frozen=True)
class Application:
    """How the application is mapped and run.

    :param runs_python: there is an application, or a script beside the files of a static site.
    """

    mount: str
    target: Target
    script: Path
    callable_name: str
    handler: Handler | None
    process_group: str
    application_group: str
    daemon_options: tuple[tuple[str, str], ...]
    python_home: Path
    python_path: tuple[Path, ...]
    working_directory: Path
    processes: Range
    threads: int
    embedded: bool
    script_reloading: bool
    runs_python: bool
    env_file: Path | None

    @property
    def is_static(self) -> bool:
        """Whether there is none: files alone are served."""
        return self.target.kind == "static"

    @property
    def target_group(self) -> str:
        """The process group to name where scripts are mapped."""
        return "%{GLOBAL}" if self.embedded else self.process_group


def decide(
    settings: Settings,
    facts: Facts,
    paths: Paths,
    listen: Listen,
    interpreter: Interpreter,
    tools: Tools,
    page: Target,
    all_documents: bool,
) -> Application:
    """Decide it.

    :param all_documents: the document root is asked first about each URL.
    :raises ConfigError: options contradict each other.
    """
    _check(settings, facts)
    target = facts.target
    debug = settings[opt.DEBUG_MODE]
    embedded = debug or settings[opt.EMBEDDED_MODE]
    directory = working_directory(settings, facts)
    is_static = target.kind == "static"
    handler = (
        None if is_static else _handler(settings, page, directory, embedded, tools, all_documents)
    )
    group = daemon.group_of(settings, listen)
    eggs = interpreter.eggs
    return Application(
        mount=settings[opt.MOUNT_POINT],
        target=target,
        script=paths.handler if handler else Path(target.name),
        callable_name="application" if handler else target.callable_name,
        handler=handler,
        process_group=group,
        application_group=settings[opt.APPLICATION_GROUP],
        daemon_options=daemon.options_of(settings, facts, group, directory, eggs)
        if runs_python(settings, facts) and not embedded
        else (),
        python_home=facts.python.home,
        python_path=python_path(settings, facts, directory, embedded),
        working_directory=directory,
        processes=_ONE if debug else settings[opt.PROCESSES] or _ONE,
        threads=1 if debug else settings[opt.THREADS],
        embedded=embedded,
        script_reloading=not embedded and not settings[opt.DISABLE_RELOADING],
        runs_python=runs_python(settings, facts),
        env_file=settings[environment.ENV_FILE],
    )


def _handler(
    settings: Settings,
    target: Target,
    directory: Path,
    embedded: bool,
    tools: Tools,
    all_documents: bool,
) -> Handler | None:
    """A script that Apache can load as it is needs no handler, and has none."""
    reloads = settings[opt.RELOAD_ON_CHANGES] and not embedded
    if target.is_plain and not (reloads or embedded or all_documents):
        return None
    return Handler(
        kind=target.kind,
        name=target.name,
        callable_name=target.callable_name,
        is_factory=target.is_factory,
        arguments=target.arguments,
        keywords=target.keywords,
        working_directory=str(directory) if embedded else None,
        reload_on_changes=reloads,
        touched=target.file if target.file and not (reloads or embedded) else None,
        mount=settings[opt.MOUNT_POINT] if all_documents else None,
        debug=tools.for_handler() if settings[opt.DEBUG_MODE] else None,
    )


def runs_python(settings: Settings, facts: Facts) -> bool:
    """Whether there is an application, or a script beside the files of a static site."""
    return facts.target.kind != "static" or any(settings[option] for option in _WITH_SCRIPTS)


def _check_interpreters(settings: Settings, facts: Facts) -> None:
    given = f"{settings.source(opt.INTERPRETERS)} {settings[opt.INTERPRETERS]}"
    if tuple(map(int, facts.python.version.split(".")[:2])) < (3, 12):
        raise ConfigError(
            f"{given} needs Python 3.12 or newer, and this is {facts.python.version}.",
            f"--processes {settings[opt.INTERPRETERS]} runs as much at the same time.",
        )
    if facts.python.is_free_threaded:
        raise ConfigError(
            f"{given} has no use in a free-threaded Python: its threads run at the same time as it is.",
            "Leave it out.",
        )
    if settings[opt.PRELOAD]:
        raise ConfigError(
            f"{given} and --preload exclude each other: the first interpreter is the only one that"
            " outlives a fork.",
            "Leave out one of them.",
        )
    if settings[opt.THREADS] < settings[opt.INTERPRETERS]:
        raise ConfigError(
            f"{given}: each needs a thread of its own, and there are {settings[opt.THREADS]}.",
            f"Add --threads {settings[opt.INTERPRETERS]}, or more.",
        )


def _check(settings: Settings, facts: Facts) -> None:
    if facts.target.kind == "static" and settings[opt.MOUNT_POINT] != "/":
        raise ConfigError(
            f"{settings.source(opt.MOUNT_POINT)} is the URL of an application, and files alone are"
            " served.",
            f"Leave it out; {opt.URL_ALIAS.flag} serves other files below a URL.",
        )
    processes = settings[opt.PROCESSES]
    if settings[opt.EMBEDDED_MODE] and processes and processes.least < processes.most:
        raise ConfigError(
            f"--processes {processes}: in embedded mode the number of processes is fixed.",
            "Give one number.",
        )
    if settings[opt.PRELOAD] and settings[opt.APPLICATION_GROUP] != "%{GLOBAL}":
        raise ConfigError(
            "--preload and --application-group exclude each other: the first interpreter is the only"
            " one that outlives a fork.",
            "Leave out one of them.",
        )
    if settings[opt.INTERPRETERS] > 1 and not settings[opt.EMBEDDED_MODE]:
        _check_interpreters(settings, facts)
    if settings[opt.DISABLE_RELOADING] and settings[opt.RELOAD_ON_CHANGES]:
        raise ConfigError(
            f"{settings.source(opt.DISABLE_RELOADING)} and"
            f" {settings.source(opt.RELOAD_ON_CHANGES)} exclude each other.",
            "Leave out one of them.",
        )
    if settings[opt.PRELOAD] and settings[opt.RELOAD_ON_CHANGES]:
        raise ConfigError(
            "--preload and --reload-on-changes exclude each other: a process that is replaced"
            " because a file has changed is forked again, with what was imported before.",
            "Use --reload-on-changes while you develop, and --preload in production.",
        )
