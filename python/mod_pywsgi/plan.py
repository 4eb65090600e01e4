"""From what the user wants and what there is to what will be done. Pure: no I/O at all.

Everything that is derived or cross-checked is derived and checked here; the templates only
lay it out.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi import sizing
from mod_pywsgi.artifacts import Artifacts, PythonFacts
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.httpd.modules import LoadModule, select
from mod_pywsgi.identity import Identity
from mod_pywsgi.options import services, timeouts
from mod_pywsgi.settings import Settings
from mod_pywsgi.sizing import Mpm

# The options that go to WSGIDaemonProcess under their own names.
_DAEMON_TIMEOUTS = (
    timeouts.STARTUP_TIMEOUT,
    timeouts.SHUTDOWN_TIMEOUT,
    timeouts.RESTART_INTERVAL,
    timeouts.CPU_TIME_LIMIT,
    timeouts.GRACEFUL_TIMEOUT,
    timeouts.EVICTION_TIMEOUT,
    timeouts.DEADLOCK_TIMEOUT,
    timeouts.INACTIVITY_TIMEOUT,
    timeouts.REQUEST_TIMEOUT,
    timeouts.INTERRUPT_TIMEOUT,
    timeouts.CONNECT_TIMEOUT,
    timeouts.SOCKET_TIMEOUT,
    timeouts.QUEUE_TIMEOUT,
    timeouts.RESPONSE_SOCKET_TIMEOUT,
    timeouts.RESPONSE_FLUSH_DELAY,
)

_EVERY_INTERFACE = (None, "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to

# A Unix socket's address holds 107 bytes; ours is ROOT/run/wsgi.PID.GENERATION/GROUP.PROCESS.sock.
_LONGEST_ROOT = 107 - len("/run/wsgi.4194304.999/99.999.sock")

# What a page needs, where the system has no mime.types.
_FALLBACK_TYPES = (
    ("text/html", ".html"),
    ("text/css", ".css"),
    ("text/javascript", ".js"),
    ("text/plain", ".txt"),
    ("application/json", ".json"),
    ("application/pdf", ".pdf"),
    ("image/gif", ".gif"),
    ("image/jpeg", ".jpg"),
    ("image/png", ".png"),
    ("image/svg+xml", ".svg"),
    ("image/webp", ".webp"),
    ("image/x-icon", ".ico"),
    ("font/woff2", ".woff2"),
)


@dataclass(frozen=True)
class Machine:
    """Facts about this run's surroundings.

    :param stdout: what Apache can open to write there; likewise stderr.
    :param locale: the locale for the application, or an empty string to leave it alone.
    """

    current_directory: Path
    temporary_directory: Path
    uid: int
    locale: str
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Facts:
    """Everything found out before anything is decided."""

    httpd: HttpdFacts
    artifacts: Artifacts
    python: PythonFacts
    identity: Identity
    target: Target
    machine: Machine


@dataclass(frozen=True)
class Paths:
    """The server root and what is in it."""

    root: Path

    @property
    def conf(self) -> Path:
        return self.root / "httpd.conf"

    @property
    def apachectl(self) -> Path:
        return self.root / "apachectl"

    @property
    def envvars(self) -> Path:
        return self.root / "envvars"

    @property
    def handler(self) -> Path:
        return self.root / "handler.wsgi"

    @property
    def pid_file(self) -> Path:
        return self.root / "httpd.pid"

    @property
    def error_log(self) -> Path:
        return self.root / "error_log"

    @property
    def access_log(self) -> Path:
        return self.root / "access_log"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def control_socket(self) -> Path:
        """As the module makes it: beside the directory of its other sockets."""
        return self.run / "wsgi.control"

    @property
    def htdocs(self) -> Path:
        return self.root / "htdocs"


@dataclass(frozen=True)
class Listen:
    """Where clients connect.

    :param address: for Listen; :param name: for ServerName; :param url: to show.
    :param redirect_from: name whose requests are sent to the server's name.
    """

    host: str | None
    port: int
    address: str
    name: str
    url: str
    base_url: str
    only_name: str | None
    redirect_from: str | None


@dataclass(frozen=True)
class Alias:
    """A URL and the files it stands for."""

    url: str
    path: Path
    is_directory: bool


@dataclass(frozen=True)
class Handler:
    """What the generated handler script is told. It exists where the plain script won't do."""

    script: str | None
    module: str | None
    callable_name: str
    is_factory: bool
    working_directory: str | None
    reload_on_changes: bool


@dataclass(frozen=True)
class Application:
    """How the application is mapped and run."""

    mount: str
    target: Target
    script: Path
    callable_name: str
    handler: Handler | None
    process_group: str
    daemon_options: tuple[tuple[str, str], ...]
    python_home: Path
    python_path: tuple[Path, ...]
    working_directory: Path
    processes: int
    threads: int
    embedded: bool
    script_reloading: bool


@dataclass(frozen=True)
class Service:
    """A program beside the application, in a process group of its own."""

    group: str
    script: Path
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Static:
    """Files that Apache serves itself."""

    document_root: Path
    files_win: bool
    aliases: tuple[Alias, ...]
    mime_types: Path | None
    fallback_types: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    paths: Paths
    httpd: HttpdFacts
    artifacts: Artifacts
    python: PythonFacts
    identity: Identity
    listen: Listen
    mpm: Mpm
    modules: tuple[LoadModule, ...]
    application: Application
    services: tuple[Service, ...]
    static: Static
    setenv: tuple[tuple[str, str], ...]
    include_files: tuple[Path, ...]
    error_log: str
    access_log: str | None
    log_level: str
    limit_request_body: int
    socket_timeout: int
    ignore_activity: tuple[str, ...]
    request_timeout: int
    stop_timeout: int
    keep_alive_timeout: int
    read_timeout: tuple[str, ...]
    locale: str
    debug: bool
    remarks: tuple[str, ...]

    def has_module(self, name: str) -> bool:
        """Whether Apache has a module, "mime" for example, built in or loaded."""
        loaded = any(module.symbol == f"{name}_module" for module in self.modules)
        return loaded or name in self.httpd.built_in


def make(settings: Settings, facts: Facts, is_directory: frozenset[Path] = frozenset()) -> Plan:
    """Decide everything.

    :param is_directory: which of the paths that the settings name are directories.
    :raises ConfigError: options contradict each other.
    :raises HttpdError: an Apache module that is needed is not installed.
    """
    _cross_check(settings, facts)
    listen = _listen(settings)
    paths = Paths(_server_root(settings, facts, listen))
    debug = settings[opt.DEBUG_MODE]
    application = _application(settings, facts, paths, listen)
    static = _static(settings, facts, paths, is_directory)
    mpm_name = sizing.choose_mpm(settings[opt.SERVER_MPM], facts.httpd.mpms, application.embedded)
    size = sizing.embedded if application.embedded else sizing.for_daemons
    return Plan(
        paths=paths,
        httpd=facts.httpd,
        artifacts=facts.artifacts,
        python=facts.python,
        identity=facts.identity,
        listen=listen,
        mpm=size(mpm_name, application.processes, application.threads),
        modules=select(facts.httpd, mpm_name, _features(settings, listen)),
        application=application,
        services=_services(settings, facts),
        static=static,
        setenv=settings[opt.SETENV],
        include_files=settings[opt.INCLUDE_FILE],
        error_log=_error_log(settings, facts, paths),
        access_log=_access_log(settings, facts, paths),
        log_level=settings[opt.LOG_LEVEL],
        limit_request_body=settings[opt.LIMIT_REQUEST_BODY],
        socket_timeout=settings[timeouts.SOCKET_TIMEOUT] or 60,
        ignore_activity=settings[timeouts.IGNORE_ACTIVITY],
        request_timeout=settings[timeouts.REQUEST_TIMEOUT],
        stop_timeout=settings[timeouts.STOP_TIMEOUT],
        keep_alive_timeout=0 if debug else settings[timeouts.KEEP_ALIVE_TIMEOUT],
        read_timeout=_read_timeout(settings),
        locale=facts.machine.locale,
        debug=debug,
        remarks=_remarks(settings, facts),
    )


def _cross_check(settings: Settings, facts: Facts) -> None:
    document_root = settings[opt.DOCUMENT_ROOT]
    source = Path(facts.target.file) if facts.target.file else None
    if document_root and source and document_root in source.parents:
        raise ConfigError(
            f"--document-root {document_root} holds the application's own source"
            f" ({source}), which everybody could then read.",
            "Give the files that are to be served a directory of their own.",
        )
    if settings[opt.PRELOAD] and settings[opt.RELOAD_ON_CHANGES]:
        raise ConfigError(
            "--preload and --reload-on-changes exclude each other: a process that ends because a"
            " file has changed is forked again, with what was imported before.",
            "Use --reload-on-changes while you develop, and --preload in production.",
        )
    for option in (timeouts.HEADER_TIMEOUT, timeouts.BODY_TIMEOUT):
        longest = (
            timeouts.HEADER_MAX_TIMEOUT
            if option is timeouts.HEADER_TIMEOUT
            else timeouts.BODY_MAX_TIMEOUT
        )
        if settings[longest] and settings[longest] < settings[option]:
            raise ConfigError(
                f"{longest.flag} ({settings[longest]}) must not be less than"
                f" {option.flag} ({settings[option]})."
            )


def _listen(settings: Settings) -> Listen:
    host, port = settings[opt.LISTEN_HOST], settings[opt.LISTEN_PORT]
    bracketed = f"[{host}]" if host and ":" in host else host
    only_name = settings[opt.SERVER_NAME]
    shown = only_name or (bracketed if host not in _EVERY_INTERFACE else "localhost")
    suffix = "" if port == 80 else f":{port}"
    return Listen(
        host=host,
        port=port,
        address=f"{bracketed}:{port}" if bracketed else str(port),
        name=f"{shown}:{port}",
        url=f"http://{shown}{suffix}{settings[opt.MOUNT_POINT].rstrip('/')}/",
        base_url=f"http://{shown}{suffix}/",
        only_name=only_name,
        redirect_from=(
            only_name.removeprefix("www.") if only_name and only_name.startswith("www.") else None
        ),
    )


def default_root(host: str | None, port: int, uid: int, temporary_directory: Path) -> Path:
    """The server root where none was named."""
    return temporary_directory / f"mod_pywsgi-{host or 'localhost'}:{port}:{uid}"


def _server_root(settings: Settings, facts: Facts, listen: Listen) -> Path:
    machine = facts.machine
    root = settings[opt.SERVER_ROOT] or default_root(
        listen.host, listen.port, machine.uid, machine.temporary_directory
    )
    length = len(os.fsencode(root))
    if length > _LONGEST_ROOT:
        raise ConfigError(
            f"The path of the server root is too long: {length} bytes, and the sockets in it"
            f" allow {_LONGEST_ROOT}: {root}.",
            "Choose another with --server-root.",
        )
    return root


def _features(settings: Settings, listen: Listen) -> list[str]:
    wanted = {
        "access_log": settings[opt.ACCESS_LOG],
        "static": settings[opt.URL_ALIAS],
        "document_root": settings[opt.DOCUMENT_ROOT],
        "redirect": listen.redirect_from,
        "setenv": settings[opt.SETENV],
        "include": settings[opt.INCLUDE_FILE],
    }
    return [feature for feature, value in wanted.items() if value]


# The application


def _application(settings: Settings, facts: Facts, paths: Paths, listen: Listen) -> Application:
    target = facts.target
    debug = settings[opt.DEBUG_MODE]
    embedded = debug or settings[opt.EMBEDDED_MODE]
    directory = _working_directory(settings, facts)
    handler = _handler(settings, target, directory, embedded)
    group = f"{listen.host or 'localhost'}:{listen.port}"
    return Application(
        mount=settings[opt.MOUNT_POINT],
        target=target,
        script=paths.handler if handler else Path(target.name),
        callable_name="application" if handler else target.callable_name,
        handler=handler,
        process_group=group,
        daemon_options=() if embedded else _daemon_options(settings, facts, group, directory),
        python_home=facts.python.home,
        python_path=_python_path(settings, facts, directory, embedded),
        working_directory=directory,
        processes=1 if debug else settings[opt.PROCESSES] or 1,
        threads=1 if debug else settings[opt.THREADS],
        embedded=embedded,
        script_reloading=not embedded,
    )


def _working_directory(settings: Settings, facts: Facts) -> Path:
    given = settings[opt.WORKING_DIRECTORY]
    if given:
        return given
    return Path(facts.target.directory or facts.machine.current_directory)


def _handler(settings: Settings, target: Target, directory: Path, embedded: bool) -> Handler | None:
    """A script that Apache can load as it is needs no handler, and has none."""
    reloads = settings[opt.RELOAD_ON_CHANGES] and not settings[opt.DEBUG_MODE]
    if target.kind == "script" and not (target.is_factory or reloads or embedded):
        return None
    return Handler(
        script=target.name if target.kind == "script" else None,
        module=target.name if target.kind == "module" else None,
        callable_name=target.callable_name,
        is_factory=target.is_factory,
        working_directory=str(directory) if embedded else None,
        reload_on_changes=reloads,
    )


def _python_path(
    settings: Settings, facts: Facts, directory: Path, embedded: bool
) -> tuple[Path, ...]:
    """What comes before the installed packages. A daemon's home= is put first by the server."""
    given: tuple[Path, ...] = settings[opt.PYTHON_PATH]
    paths = [directory, *given] if embedded else [*given]
    if facts.target.kind == "script":
        beside = Path(facts.target.name).parent
        if not facts.target.directory and beside != directory:
            paths.append(beside)
    if facts.python.extra_path:
        paths.append(facts.python.extra_path)
    for path in paths:
        if ":" in str(path):
            raise ConfigError(f"A directory on the Python path must not contain ':': {path}.")
    return tuple(dict.fromkeys(paths))


def _daemon_options(
    settings: Settings, facts: Facts, group: str, directory: Path
) -> tuple[tuple[str, str], ...]:
    options: list[tuple[str, str]] = [
        ("display-name", f"(wsgi:{group}:{facts.machine.uid})"),
        ("home", str(directory)),
        ("python-home", str(facts.python.home)),
    ]
    python_path = _python_path(settings, facts, directory, embedded=False)
    if python_path:
        options.append(("python-path", ":".join(map(str, python_path))))
    if settings[opt.PROCESSES] is not None:
        options.append(("processes", str(settings[opt.PROCESSES])))
    options.append(("threads", str(settings[opt.THREADS])))
    if settings[opt.PRELOAD]:
        options.append(("preload", "On"))
    options += [("warmup", path) for path in settings[opt.WARMUP]]
    if facts.machine.locale:
        options += [("lang", facts.machine.locale), ("locale", facts.machine.locale)]
    options += [(option.name, str(settings[option])) for option in _DAEMON_TIMEOUTS]
    return tuple(options)


# Services


def _services(settings: Settings, facts: Facts) -> tuple[Service, ...]:
    names = [name for name, _ in settings[services.SERVICE_SCRIPT]]
    if len(set(names)) < len(names):
        raise ConfigError(
            "Two services have one name.", "Give each --service-script a NAME of its own."
        )
    own: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for option, key in (
        (services.SERVICE_SCHEDULE, "schedule"),
        (services.SERVICE_USER, "user"),
        (services.SERVICE_GROUP, "group"),
    ):
        given = settings[option]
        for name, value in dict(given).items():
            if name not in own:
                raise ConfigError(
                    f"{option.flag} {name}: there is no service of that name.",
                    f"Name its program by --service-script {name} FILE.",
                )
            own[name].append((key, value))
    return tuple(
        Service(f"service:{name}", script, _service_options(settings, facts, own[name]))
        for name, script in settings[services.SERVICE_SCRIPT]
    )


def _service_options(
    settings: Settings, facts: Facts, own: list[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Those of its own, and what it shares with the application."""
    directory = _working_directory(settings, facts)
    options = [("threads", "0"), *own, ("home", str(directory))]
    options.append(("python-home", str(facts.python.home)))
    python_path = _python_path(settings, facts, directory, embedded=False)
    if python_path:
        options.append(("python-path", ":".join(map(str, python_path))))
    if facts.machine.locale:
        options += [("lang", facts.machine.locale), ("locale", facts.machine.locale)]
    shutdown = timeouts.SHUTDOWN_TIMEOUT
    options.append((shutdown.name, str(settings[shutdown])))
    return tuple(options)


# Files, logs, limits


def _static(
    settings: Settings, facts: Facts, paths: Paths, is_directory: frozenset[Path]
) -> Static:
    given = settings[opt.DOCUMENT_ROOT]
    aliases = [Alias(url, path, path in is_directory) for url, path in settings[opt.URL_ALIAS]]
    return Static(
        document_root=given or paths.htdocs,
        files_win=given is not None,
        # Apache takes the first alias that matches, so that the longer ones go first.
        aliases=tuple(sorted(aliases, key=lambda alias: alias.url, reverse=True)),
        mime_types=facts.httpd.mime_types,
        fallback_types=() if facts.httpd.mime_types else _FALLBACK_TYPES,
    )


def _error_log(settings: Settings, facts: Facts, paths: Paths) -> str:
    if settings[opt.LOG_TO_TERMINAL] or settings[opt.DEBUG_MODE]:
        return facts.machine.stderr
    return str(paths.error_log)


def _access_log(settings: Settings, facts: Facts, paths: Paths) -> str | None:
    if not settings[opt.ACCESS_LOG]:
        return None
    if settings[opt.LOG_TO_TERMINAL] or settings[opt.DEBUG_MODE]:
        return facts.machine.stdout
    return str(paths.access_log)


def _read_timeout(settings: Settings) -> tuple[str, ...]:
    """The arguments of RequestReadTimeout."""
    parts = []
    for name, first, longest, rate in (
        (
            "header",
            settings[timeouts.HEADER_TIMEOUT],
            settings[timeouts.HEADER_MAX_TIMEOUT],
            settings[timeouts.HEADER_MIN_RATE],
        ),
        (
            "body",
            settings[timeouts.BODY_TIMEOUT],
            settings[timeouts.BODY_MAX_TIMEOUT],
            settings[timeouts.BODY_MIN_RATE],
        ),
    ):
        span = f"{first}-{longest}" if first and longest else str(first)
        parts.append(f"{name}={span},MinRate={rate}" if first and rate else f"{name}={span}")
    return tuple(parts)


def _remarks(settings: Settings, facts: Facts) -> tuple[str, ...]:
    """What the user should be told, though nothing is wrong."""
    remarks = [facts.target.remark] if facts.target.remark else []
    identity = facts.identity
    if identity.drops:
        remarks.append(
            f"started as root; the application runs as {identity.user}, {identity.reason}"
        )
    if settings[opt.EMBEDDED_MODE] or settings[opt.DEBUG_MODE]:
        remarks += [
            f"{settings.source(option)} has no effect without daemon processes"
            for option in (*_DAEMON_TIMEOUTS, timeouts.IGNORE_ACTIVITY, opt.PRELOAD, opt.WARMUP)
            if option is not timeouts.SOCKET_TIMEOUT and settings.is_given(option)
        ]
    if settings[opt.EMBEDDED_MODE] and settings.is_given(opt.PROCESSES) is False:
        remarks.append("embedded mode with one process; --processes gives it more")
    if settings[opt.DEBUG_MODE] and settings[opt.RELOAD_ON_CHANGES]:
        remarks.append("debug mode has one process only, so that nothing is reloaded")
    return tuple(remarks)
