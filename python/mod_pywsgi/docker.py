"""Process 1 of the container image, and its health check.

What the container is told becomes a command of mod-pywsgi-express; most often start-server.
"""

import http.client
import itertools
import os
import re
import shutil
import ssl
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from mod_pywsgi import log
from mod_pywsgi.cli import commands
from mod_pywsgi.cli import main as run_command

_PATIENCE = 4.0  # seconds, within the health check's own
_EVERY_INTERFACE = ("", "*", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_LISTEN = re.compile(r'^Listen\s+"?(?:\[?([^\]"\s]*?)\]?:)?(\d+)"?(?:\s+"?(https)"?)?\s*$', re.M)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the container is told to, and end the process with its exit code.

    - ``health``: the health check of the server that runs in this container.
    - a command of mod-pywsgi-express, or any program on PATH: that.
    - anything else, or nothing: ``start-server`` with it, for the application in the directory.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["health"]:
        sys.exit(health())
    command = choose(words, commands.commands, shutil.which)
    if command[0] in commands.commands:
        run_command(command)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def choose(
    words: Sequence[str], known: Container[str], find: Callable[[str], str | None]
) -> list[str]:
    """The command that is meant.

    :param known: commands of mod-pywsgi-express.
    :param find: where a program is, None for one that there is not.
    """
    first = words[0] if words else "-"
    if first in known:
        return list(words)
    is_application = first.startswith("-") or os.path.exists(first)
    if not is_application and find(first):
        return list(words)
    return ["start-server", *words]


def health() -> int:
    """Ask the server that runs here whether it is ready; print its answer.

    :return: 0 or 1, as HEALTHCHECK has it.
    """
    for address in _addresses():
        try:
            status, answer = _ask(*address)
        except OSError as error:
            log.say(f"{address[0]}:{address[1]}: {error}")
            return 1
        log.say(f"{status} {answer.strip()}")
        return 0 if status == 200 else 1
    log.say("No server runs here.")
    return 1


def _addresses() -> Iterator[tuple[str, int, bool]]:
    """Host, port and whether it is TLS, of what the server listens on, without TLS first."""
    for conf in _configurations():
        found = _LISTEN.findall(conf.read_text(encoding="utf-8", errors="replace"))
        for host, port, https in sorted(found, key=lambda listen: listen[2]):
            yield "localhost" if host in _EVERY_INTERFACE else host, int(port), bool(https)


def _configurations() -> Iterator[Path]:
    """Those that processes in this container were started with."""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        for option, word in itertools.pairwise(words):
            if option == b"-f" and word.endswith(b"/httpd.conf"):
                yield Path(os.fsdecode(word))


def _ask(host: str, port: int, is_tls: bool) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    if is_tls:  # to ourselves, where no certificate fits
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=context)
    try:
        connection.request("GET", "/-/ready")
        response = connection.getresponse()
        return response.status, response.read(4096).decode(errors="replace")
    finally:
        connection.close()


if __name__ == "__main__":
    main()
