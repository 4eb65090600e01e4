"""From options to a site of the system's Apache: a virtual host and its processes. Pure, as the plan is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.artifacts import PythonFacts
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, listen, timeouts, tls
from mod_pywsgi.plan import Alias, daemon
from mod_pywsgi.plan.static import require_source_apart
from mod_pywsgi.plan.tls import CIPHERS, Certificate, given_certificate
from mod_pywsgi.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_PORT, _HTTPS_PORT = 80, 443
_LOCALE = "C.UTF-8"  # Debian's Apache starts with LANG=C

# What goes to WSGIDaemonProcess under its own name where it was given; the last two always.
_FOR_DAEMONS: tuple[Option[Any], ...] = (
    opt.PROCESSES,
    opt.USER,
    opt.GROUP,
    opt.WARMUP,
    *(option for option in daemon.TIMEOUTS if option is not timeouts.REQUEST_TIMEOUT),
    *daemon.LIMITS,
    opt.THREADS,
    opt.INTERPRETERS,
    timeouts.REQUEST_TIMEOUT,
)
_ALWAYS = (opt.THREADS, timeouts.REQUEST_TIMEOUT)

OPTIONS: tuple[Option[Any], ...] = (
    replace(
        opt.SERVER_NAME,
        help="Host name of the site. If it begins with `www.`, the name without that is redirected.",
        default_note="has to be given",
    ),
    replace(
        opt.LISTEN_PORT,
        help="Port of the virtual host; one for which Apache has a Listen.",
        default_note=str(_PORT),
    ),
    listen.SERVER_ALIAS,
    replace(
        tls.HTTPS_PORT,
        help="Port of the virtual host for TLS; there is one as soon as there is a certificate.",
        default_note=str(_HTTPS_PORT),
    ),
    tls.SSL_CERTIFICATE,
    tls.SSL_CERTIFICATE_FILE,
    tls.SSL_CERTIFICATE_KEY_FILE,
    tls.SSL_CERTIFICATE_CHAIN_FILE,
    tls.HTTPS_ONLY,
    tls.HSTS_POLICY,
    opt.CALLABLE_OBJECT,
    opt.MOUNT_POINT,
    opt.WORKING_DIRECTORY,
    opt.PYTHON_PATH,
    opt.SETENV,
    opt.ENV,
    opt.PRELOAD,
    *_FOR_DAEMONS,
    opt.LIMIT_REQUEST_BODY,
    opt.URL_ALIAS,
    opt.LOG_LEVEL,
)


@dataclass(frozen=True)
class Surroundings:
    """What was found out before anything is decided.

    :param directories: which of the paths that the settings name are directories.
    :param logs: where this Apache keeps its logs.
    """

    target: Target
    python: PythonFacts
    directories: frozenset[Path]
    logs: Path


@dataclass(frozen=True)
class Host:
    """A virtual host.

    :param target: where clients are sent, a URL without a path; None: it serves.
    :param certificate: None: it speaks no TLS.
    """

    name: str
    port: int
    target: str | None
    certificate: Certificate | None
    aliases: tuple[str, ...] = ()
    hsts: str | None = None


@dataclass(frozen=True)
class Site:
    """What the file says.

    :param name: of the file and of the process group.
    :param modules: names of what Apache needs besides mod_pywsgi, without "mod_".
    """

    name: str
    hosts: tuple[Host, ...]
    ciphers: str
    mount: str
    script: Path
    callable_name: str
    daemon_options: tuple[tuple[str, str], ...]
    setenv: tuple[tuple[str, str], ...]
    aliases: tuple[Alias, ...]
    limit_request_body: int
    log_level: str
    error_log: Path
    access_log: Path
    modules: tuple[str, ...]
    url: str


def make(name: str, settings: Settings, around: Surroundings) -> Site:
    """Decide what the file says.

    :raises ConfigError: the site lacks a name, or its application a script that Apache can load.
    """
    if not _NAME.match(name):
        raise ConfigError(f"A site cannot have the name {name!r}: use letters, digits, '_.-'.")
    server_name = settings[opt.SERVER_NAME]
    if not server_name:
        raise ConfigError(
            "A site needs the host name that it answers to.", "Add --server-name www.example.org."
        )
    require_source_apart(settings, around.target)
    settings.require_once(opt.URL_ALIAS)
    aliases = [
        Alias(url, path, path in around.directories) for url, path in settings[opt.URL_ALIAS]
    ]
    hosts = tuple(_hosts(settings, server_name))
    mount = settings[opt.MOUNT_POINT]
    return Site(
        name=name,
        hosts=hosts,
        ciphers=CIPHERS,
        mount=mount,
        script=_script(around.target),
        callable_name=around.target.callable_name,
        daemon_options=tuple(_daemon_options(settings, around)),
        setenv=settings[opt.SETENV],
        aliases=tuple(sorted(aliases, key=lambda alias: alias.url, reverse=True)),
        limit_request_body=settings[opt.LIMIT_REQUEST_BODY],
        log_level=settings[opt.LOG_LEVEL],
        error_log=around.logs / f"{name}-error.log",
        access_log=around.logs / f"{name}-access.log",
        modules=tuple(_modules(settings, hosts)),
        url=f"{_url(hosts[0])}{mount.rstrip('/')}/",
    )


def _hosts(settings: Settings, name: str) -> Iterator[Host]:
    """That of the site at each port, TLS first; then those that send clients there."""
    certificate = given_certificate(settings)
    plain = Host(
        name, _own(settings, opt.LISTEN_PORT, _PORT), None, None, settings[listen.SERVER_ALIAS]
    )
    own = [plain]
    if certificate:
        port = _own(settings, tls.HTTPS_PORT, _HTTPS_PORT)
        hsts = settings[tls.HSTS_POLICY]
        own.insert(0, replace(plain, port=port, certificate=certificate, hsts=hsts))
        if settings[tls.HTTPS_ONLY]:
            own[1] = replace(plain, target=_url(replace(own[0], name="%{SERVER_NAME}")))
    else:
        for option in (tls.HTTPS_PORT, tls.HTTPS_ONLY, tls.HSTS_POLICY):
            if settings.source(option) == option.flag:
                raise ConfigError(
                    f"{option.flag} needs a certificate.", "Add --ssl-certificate-file FILE."
                )
    yield from own
    if name.startswith("www."):
        for host in own:
            to = own[0] if host.target else host
            yield replace(host, name=name[4:], aliases=(), target=_url(to))


def _own(settings: Settings, option: Option[Any], usual: int) -> int:
    """A port. A settings file beside the application, and the environment, have start-server's."""
    value: int = settings[option]
    return value if settings.source(option) == option.flag else usual


def _url(host: Host) -> str:
    scheme, usual = ("https", _HTTPS_PORT) if host.certificate else ("http", _PORT)
    return f"{scheme}://{host.name}" + ("" if host.port == usual else f":{host.port}")


def _script(target: Target) -> Path:
    """Where Apache finds the callable by itself.

    :raises ConfigError: it does not: the application is a module, or made by a function.
    """
    if target.is_plain:
        return Path(target.name)
    raise ConfigError(
        "A site serves a script that holds the application itself.",
        "Write these lines to a file, wsgi.py for example, and name that:\n" + _wrapper(target),
    )


def _wrapper(target: Target) -> str:
    """A script that holds the application."""
    if target.kind == "paste":
        path, _, name = target.name.partition("#")
        return (
            "from paste.deploy import loadapp\n"
            f"application = loadapp({f'config:{path}'!r}, name={name!r})"
        )
    module = target.name if target.kind == "module" else Path(target.name).stem
    first = target.callable_name.partition(".")[0]
    return f"from {module} import {first}\napplication = {target.shown}"


def _daemon_options(settings: Settings, around: Surroundings) -> Iterator[tuple[str, str]]:
    yield "python-home", str(around.python.home)
    directory = working_directory(settings, around)
    yield "home", str(directory)
    path = _python_path(settings, around, directory)
    if path:
        yield "python-path", ":".join(map(str, path))
    for option in _FOR_DAEMONS:
        if settings.is_given(option) or option in _ALWAYS:
            value = settings[option]
            for item in value if option.repeats else [value]:
                yield option.name, str(item)
    for name, value in settings[opt.ENV]:
        yield "env", f"{name}={value}"
    if settings[opt.PRELOAD]:
        yield "preload", "On"
    yield "lang", _LOCALE
    yield "locale", _LOCALE
    yield "display-name", "%{GROUP}"


def working_directory(settings: Settings, around: Surroundings) -> Path:
    """Where the application runs; the first place in which it finds modules."""
    script = Path(around.target.file)
    return settings[opt.WORKING_DIRECTORY] or Path(around.target.directory or script.parent)


def _python_path(settings: Settings, around: Surroundings, directory: Path) -> list[Path]:
    paths = [*settings[opt.PYTHON_PATH]]
    beside = Path(around.target.file).parent
    if not around.target.directory and beside != directory:
        paths.append(beside)
    if around.python.extra_path:
        paths.append(around.python.extra_path)
    for path in paths:
        if ":" in str(path):
            raise ConfigError(f"A directory on the Python path must not contain ':': {path}.")
    return list(dict.fromkeys(paths))


def _modules(settings: Settings, hosts: tuple[Host, ...]) -> Iterator[str]:
    yield "authz_core"
    yield "log_config"
    if settings[opt.URL_ALIAS]:
        yield "alias"
        yield "mime"
    if any(host.target for host in hosts):
        yield "rewrite"
    if any(host.certificate for host in hosts):
        yield "ssl"
    if any(host.hsts for host in hosts):
        yield "headers"
    if settings[opt.SETENV]:
        yield "env"
