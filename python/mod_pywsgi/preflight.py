"""What is checked before anything is started, so that the error is a sentence with a way out."""

import contextlib
import errno
import importlib.util
import locale
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import access, artifacts, instance
from mod_pywsgi.errors import ConfigError, HttpdError, InstanceError
from mod_pywsgi.httpd import probe
from mod_pywsgi.plan import Plan
from mod_pywsgi.plan.paths import TEMPORARY, is_below


def check(plan: Plan) -> None:
    """Everything that can be checked before the server root is written.

    :raises PywsgiError: the first thing that is wrong.
    """
    artifacts.require_same_python(plan.artifacts, plan.python)
    for file in plan.include_files:
        if not os.access(file, os.R_OK):
            raise ConfigError(f"--include-file {file} cannot be read.")
    for option, chosen in (
        ("--rewrite-rules", plan.static.rules),
        ("--mime-types", plan.static.mime_types),
    ):
        if chosen and not os.access(chosen, os.R_OK):
            raise ConfigError(f"{option} {chosen} cannot be read.")
    for service in plan.services:
        if not os.access(service.script, os.R_OK):
            raise ConfigError(f"--service-script {service.script} cannot be read.")
    _check_own_files(plan)
    _check_locale(plan.locale)
    access.require_readable(plan.identity, needed(plan))
    _check_private_tmp(plan)
    _check_tools(plan)


def _check_private_tmp(plan: Plan) -> None:
    if "private-tmp" not in dict(plan.application.daemon_options):
        return
    for what, path in (("the server root", plan.paths.root), *_needed_by_application(plan)):
        if is_below(path, TEMPORARY) or is_below(Path(os.path.realpath(path)), TEMPORARY):
            raise ConfigError(
                "--private-tmp gives the application an empty /tmp, where it does not find "
                f"{what} {path}.",
                "Name another server root with --server-root."
                if path == plan.paths.root
                else "Move it to another place than /tmp and /var/tmp.",
            )


def _check_tools(plan: Plan) -> None:
    if plan.tools.coverage and importlib.util.find_spec("coverage") is None:
        raise ConfigError(
            "--enable-coverage needs the package coverage, which is not installed.",
            f"{sys.executable} -m pip install coverage",
        )
    if plan.tools.gdb and shutil.which(plan.tools.gdb) is None:
        raise ConfigError(
            f"--enable-gdb needs gdb, and {plan.tools.gdb} is not there.",
            "Install the package gdb, or name the program with --gdb-executable.",
        )


def make_directories(plan: Plan) -> None:
    """Make the directories outside of the server root that the application writes to.

    :raises ApplicationError: one cannot be made, or not be written to.
    """
    own = plan.tools.own_directories(plan.paths.root)
    access.make_directories(
        plan.identity, [item for item in plan.tools.directories() if item[1] not in own]
    )


def _check_own_files(plan: Plan) -> None:
    """What the user named in the place of something of the server's."""
    shell, paths = plan.script.shell, plan.paths
    if not os.access(shell, os.X_OK):
        raise ConfigError(f"--shell-executable {shell} is not a program.")
    rotator = plan.logs.rotator
    if rotator and not os.access(rotator, os.X_OK):
        raise ConfigError(f"--rotatelogs-executable {rotator} is not a program.")
    if paths.given_envvars and not os.access(paths.given_envvars, os.R_OK):
        raise ConfigError(f"--envvars-script {paths.given_envvars} cannot be read.")
    if paths.given_sockets and not paths.given_sockets.is_dir():
        raise ConfigError(f"--socket-prefix {paths.given_sockets} is not a directory.")
    if not paths.pid_file.is_symlink() and not paths.pid_file.exists():
        return
    if paths.given_pid_file and _number_in(paths.pid_file) is None:
        raise ConfigError(f"--pid-file {paths.pid_file} is a file of another kind.")


def _number_in(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _check_locale(name: str) -> None:
    if not name:
        return
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        raise ConfigError(
            f"This system has no locale {name!r}.", "It has these: locale -a"
        ) from None
    finally:
        locale.setlocale(locale.LC_ALL, before)


def needed(plan: Plan) -> Iterator[tuple[str, Path]]:
    """What the application's user has to be able to read."""
    if plan.static.document_root != plan.paths.htdocs:
        yield "the document root", plan.static.document_root
    yield from _needed_by_application(plan)
    if plan.documentation:
        yield "the documentation", plan.documentation.docs
    for alias in plan.static.aliases:
        yield f"what is served at {alias.url}", alias.path
    for service in plan.services:
        if "user" not in dict(service.options):
            yield "the service", service.script


def _needed_by_application(plan: Plan) -> Iterator[tuple[str, Path]]:
    """What its processes open, where Apache serves the rest or others run it."""
    yield "the Python installation", plan.python.base
    yield "the Python library", Path(os.__file__)
    yield "the Python environment", plan.python.home
    yield "the package", plan.python.package
    part = plan.artifacts.embed if plan.application.embedded else plan.artifacts.daemon
    yield "the program", part
    yield "the working directory", plan.application.working_directory
    target = plan.application.target
    if target.file:
        yield "the application", Path(target.file)
    for path in plan.application.python_path:
        yield "the directory on the Python path", path
    if plan.application.env_file:
        yield "the file of variables", plan.application.env_file
    yield from plan.access.scripts
    for ending, script in plan.static.endings:
        yield f"the script for {ending} files", script


def require_stopped(plan: Plan) -> None:
    """Make sure that no server runs from this server root.

    :raises InstanceError: one does.
    """
    running = instance.running(plan.paths)
    if running:
        raise InstanceError(
            f"This server is already running, as process {running}.",
            f"Stop it with: {plan.paths.apachectl} stop",
        )
    # Left behind by a server that was killed. The number may by now be that of any process, as in
    # a container that is started again, and Apache would take that for a server.
    with contextlib.suppress(OSError):
        plan.paths.pid_file.unlink()


def require_free_port(plan: Plan) -> None:
    """Make sure that Apache will be able to listen.

    :raises InstanceError: the port is taken, or not for this user to take.
    """
    listen = plan.listen
    for family, address in _addresses(listen.host):
        for port in listen.ports:
            try:
                _try_port(family, address, port)
            except OSError as error:
                option = "--port" if port == listen.port else "--https-port"
                _explain_port(plan, port, option, error)


def _try_port(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe_socket.bind((address, port))


def _addresses(host: str | None) -> Iterator[tuple[socket.AddressFamily, str]]:
    if host is None:
        yield socket.AF_INET, "0.0.0.0"  # noqa: S104 - what the user asked Apache to do
        if socket.has_ipv6:
            yield socket.AF_INET6, "::"
        return
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise ConfigError(f"--host {host} has no address: {error.strerror}.") from None
    for family, _, _, _, address in found:
        yield family, str(address[0])


def _explain_port(plan: Plan, port: int, option: str, error: OSError) -> None:
    listen = plan.listen
    if error.errno == errno.EADDRINUSE:
        raise InstanceError(
            f"Port {port} is in use by another program.",
            f"Choose another with {option}, or see which it is: ss -ltnp 'sport = :{port}'",
        )
    if error.errno == errno.EACCES:
        raise InstanceError(
            f"Port {port} may only be opened by root.",
            f"Choose one above 1023 with {option}, or start it with sudo: the application"
            " still runs as an ordinary user.",
        )
    if error.errno == errno.EADDRNOTAVAIL and listen.host is not None:
        raise ConfigError(f"--host {listen.host} is not an address of this machine.")


def check_configuration(plan: Plan) -> None:
    """Let Apache read the configuration that was written.

    :raises HttpdError: it does not like it.
    """
    # By its interpreter, as in runner: the server root may be where no program may run.
    command = (plan.script.shell, plan.paths.apachectl, "configtest")
    complaint = probe.configuration_errors(*command)
    if not complaint:
        return
    if re.search(rf"Cannot load \S*{re.escape(artifacts.MODULE)}", complaint):
        raise HttpdError(
            f"Apache cannot load {plan.artifacts.module}: it was built for another Apache or machine.",
            f"Install it again.\nApache says: {complaint}",
        )
    if plan.include_files and any(str(file) in complaint for file in plan.include_files):
        raise ConfigError("Apache refuses a file named by --include-file.", complaint)
    if plan.static.rules and str(plan.static.rules) in complaint:
        raise ConfigError(f"Apache refuses the rules in {plan.static.rules}.", complaint)
    raise HttpdError(f"Apache refuses {plan.paths.conf}.", complaint)
