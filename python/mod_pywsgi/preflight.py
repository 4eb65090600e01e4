"""What is checked before anything is started, so that the error is a sentence with a way out."""

import contextlib
import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import access, artifacts, instance
from mod_pywsgi.errors import ConfigError, HttpdError, InstanceError
from mod_pywsgi.httpd import probe
from mod_pywsgi.plan import Plan


def check(plan: Plan) -> None:
    """Everything that can be checked before the server root is written.

    :raises PywsgiError: the first thing that is wrong.
    """
    artifacts.require_same_python(plan.artifacts, plan.python)
    for file in plan.include_files:
        if not os.access(file, os.R_OK):
            raise ConfigError(f"--include-file {file} cannot be read.")
    for service in plan.services:
        if not os.access(service.script, os.R_OK):
            raise ConfigError(f"--service-script {service.script} cannot be read.")
    access.require_readable(plan.identity, _needed(plan))


def _needed(plan: Plan) -> Iterator[tuple[str, Path]]:
    """What the application's user has to be able to read."""
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
    if plan.static.files_win:
        yield "the document root", plan.static.document_root
    for alias in plan.static.aliases:
        yield f"what is served at {alias.url}", alias.path


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
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe_socket:
                probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe_socket.bind((address, listen.port))
        except OSError as error:
            _explain_port(plan, error)


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


def _explain_port(plan: Plan, error: OSError) -> None:
    listen = plan.listen
    if error.errno == errno.EADDRINUSE:
        raise InstanceError(
            f"Port {listen.port} is in use by another program.",
            f"Choose another with --port, or see which it is: ss -ltnp 'sport = :{listen.port}'",
        )
    if error.errno == errno.EACCES:
        raise InstanceError(
            f"Port {listen.port} may only be opened by root.",
            "Choose one above 1023 with --port, or start it with sudo: the application"
            " still runs as an ordinary user.",
        )
    if error.errno == errno.EADDRNOTAVAIL and listen.host is not None:
        raise ConfigError(f"--host {listen.host} is not an address of this machine.")


def check_configuration(plan: Plan) -> None:
    """Let Apache read the configuration that was written.

    :raises HttpdError: it does not like it.
    """
    complaint = probe.configuration_errors(plan.httpd.program, plan.paths.conf)
    if not complaint:
        return
    if re.search(rf"Cannot load \S*{re.escape(artifacts.MODULE)}", complaint):
        raise HttpdError(
            f"Apache cannot load {plan.artifacts.module}: it was built for another Apache or machine.",
            f"Install it again.\nApache says: {complaint}",
        )
    if plan.include_files and any(str(file) in complaint for file in plan.include_files):
        raise ConfigError("Apache refuses a file named by --include-file.", complaint)
    raise HttpdError(f"Apache refuses {plan.paths.conf}.", complaint)
