"""The control socket of a running server: what it does at the moment, and a few orders to it.

    from mod_pywsgi.control import Control

    server = Control("/var/run/apache2/wsgi.control")
    for group in server.status().groups:
        print(group.name, len(group.processes))
    outcome = server.reload()

Only root and the user that the server was started as may connect. What goes over the socket
stands in docs/control.md.
"""

import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_from_bytes

from mod_pywsgi.errors import PywsgiError

T = TypeVar("T")

_CHUNK = 65536
_MOST_FDS = 253  # in one message, by the system's limit
_MOST_STACKS = 16 * 1024 * 1024  # bytes that one process may say


class ControlError(PywsgiError):
    """The server cannot be reached, does not answer, or refuses what it was asked."""

    exit_code = 2


@dataclass(frozen=True)
class Ending:
    """How a process ended: by a signal, such as "SIGKILL", or with an exit status.

    :param ago: seconds; None where it does not matter.
    """

    pid: int
    signal: str | None
    status: int | None
    ago: float | None = None
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"by {self.signal}" if self.signal else f"with status {self.status}"


@dataclass(frozen=True)
class ProcessStatus:
    """One process.

    :param state: "starting", "ready" or "draining"; :param due: it will be replaced.
    :param generation: how many processes its slot has had, with this one.
    :param age: seconds; :param requests: served so far; :param active: running now, of as many
        as ``capacity``, the threads that take requests.
    :param rss: bytes that are resident; None where they cannot be read, as with ``pss``,
        which counts a share only of what several processes hold.
    """

    slot: int
    pid: int
    state: str
    due: bool
    generation: int
    age: float
    requests: int
    active: int
    capacity: int
    rss: int | None
    pss: int | None


@dataclass(frozen=True)
class ReloadStatus:
    """The last reload: "none" so far, "running", "done", or "failed" (it is tried again)."""

    state: str
    replaced: int
    seconds: float


@dataclass(frozen=True)
class GroupStatus:
    """One process group.

    :param wanted: processes that it is to have now, between ``least`` and ``most``; 0: it sleeps
        until the next request.
    :param waiting: requests that no thread serves yet; :param queue_size: how many may wait, 0 any.
    :param served_by_predecessor: none of its processes is ready yet after a graceful restart, and
        those of the configuration before serve.
    :param failures: starts in a row that came to nothing; :param retry_in: seconds to the next.
    :param failure: the last of them; :param last_ending: the last end that nobody asked for.
    """

    name: str
    user: str
    wanted: int
    least: int
    most: int
    threads: int
    waiting: int
    queue_size: int
    served_by_predecessor: bool
    failures: int
    retry_in: float | None
    reload: ReloadStatus
    last_ending: Ending | None
    failure: Ending | None
    processes: tuple[ProcessStatus, ...]


@dataclass(frozen=True)
class ServerStatus:
    """A server.

    :param pid: Apache's first process; :param supervisor: the one that looks after the groups.
    :param state: "running", "retiring" (a restart is under way) or "stopping".
    :param generation: of the configuration, 1 at first and one more by each restart.
    :param uptime: seconds of the server; :param age: of this generation.
    """

    version: str
    pid: int
    supervisor: int
    state: str
    generation: int
    uptime: float
    age: float
    groups: tuple[GroupStatus, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class GroupOutcome:
    """What a reload or restart did to a group.

    :param failure: how the new process ended that did not get ready, with its last log lines.
    """

    name: str
    ok: bool
    replaced: int
    seconds: float
    failure: Ending | None


@dataclass(frozen=True)
class Outcome:
    """What a reload or restart did; :param error: a sentence, where it is not ok."""

    ok: bool
    error: str
    groups: tuple[GroupOutcome, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class ProcessStacks:
    """The stacks of all threads of a process, as text; :param error: why there are none."""

    group: str
    pid: int
    state: str
    text: str
    error: str | None


class Control:
    """A server, by the path of its control socket. Each call is a connection of its own.

    :param timeout: seconds for the server to answer what it can answer at once.

    Every method raises :exc:`ControlError`: nobody listens there, this user may not connect,
    the server does not answer in time or with what is no answer, or it refuses.
    """

    def __init__(self, path: str | os.PathLike[str], timeout: float = 10.0) -> None:
        self.path = Path(path)
        self.timeout = timeout

    def status(self) -> ServerStatus:
        """What the server does at the moment."""
        return _parsed(_server, self._ask("status"))

    def reload(
        self, group: str | None = None, *, on_wait: Callable[[], None] | None = None
    ) -> Outcome:
        """Replace all processes, of one group or of each, while the server goes on serving.

        Each new process has to get ready before one of those that were there is let go. Returns
        when all have been replaced, or when a new one failed: then the others go on.

        :param on_wait: called twice a second or so until then.
        """
        return self._replace("reload", group, on_wait)

    def restart(
        self, group: str | None = None, *, on_wait: Callable[[], None] | None = None
    ) -> Outcome:
        """End all processes, of one group or of each, and start new ones: requests may wait."""
        return self._replace("restart", group, on_wait)

    def scale(self, group: str, least: int, most: int | None = None) -> None:
        """Have a group keep so many processes, or as many as it needs between two numbers.

        Holds until the server is restarted.
        """
        number = str(least) if most is None else f"{least}-{most}"
        self._ask("scale", group, number)

    def stacks(self, group: str | None = None) -> list[ProcessStacks]:
        """The stacks of every thread, with its request, of one group's processes or of all."""
        descriptors: list[int] = []
        try:
            document = self._ask("stacks", *_words(group), descriptors=descriptors)
            return _parsed(lambda whole: self._stacks(whole, descriptors), document)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def ask(self, *words: str) -> dict[str, Any]:
        """Send a command; words but the first are encoded.

        :return: the document that the server answers with, whatever it says.
        """
        return self._exchange(words, None, None, self.timeout)

    # How it is done

    def _ask(self, *words: str, descriptors: list[int] | None = None) -> dict[str, Any]:
        document = self._exchange(words, descriptors, None, self.timeout)
        return _require_ok(document)

    def _replace(self, verb: str, group: str | None, on_wait: Callable[[], None] | None) -> Outcome:
        document = self._exchange((verb, *_words(group)), None, on_wait, None)
        if "groups" not in document:
            _require_ok(document)
        return _parsed(_outcome, document)

    def _exchange(
        self,
        words: Sequence[str],
        descriptors: list[int] | None,
        on_wait: Callable[[], None] | None,
        timeout: float | None,
    ) -> dict[str, Any]:
        line = " ".join([words[0], *(quote_from_bytes(os.fsencode(w), "") for w in words[1:])])
        with self._connect() as connection:
            try:
                connection.sendall(line.encode() + b"\n")
                answer = _receive(connection, descriptors, on_wait, timeout)
            except TimeoutError:
                raise ControlError(
                    f"The server at {self.path} does not answer.",
                    "Its supervisor may be stopped or very busy: look at the error log.",
                ) from None
            except OSError as error:
                raise ControlError(f"The server at {self.path} broke off: {error}.") from None
        try:
            document = json.loads(answer)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            what = "broke off without an answer" if not answer else "gave no answer that is one"
            raise ControlError(f"The server at {self.path} {what}.", "Look at its error log.")
        return document

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(os.fspath(self.path))
        except OSError as error:
            connection.close()
            raise _unreachable(self.path, error) from None
        return connection

    def _stacks(self, document: dict[str, Any], descriptors: list[int]) -> list[ProcessStacks]:
        rows = document["processes"]
        answering = [row for row in rows if row["error"] is None]
        if len(answering) != len(descriptors):
            raise ValueError("descriptors")
        texts = _read_all(descriptors, self.timeout)
        by_pid = {row["pid"]: text for row, text in zip(answering, texts, strict=True)}
        return [
            ProcessStacks(
                group=str(row["group"]),
                pid=int(row["pid"]),
                state=str(row["state"]),
                text=by_pid.get(row["pid"], ""),
                error=row["error"],
            )
            for row in rows
        ]


def _words(group: str | None) -> tuple[str, ...]:
    return () if group is None else (group,)


def _unreachable(path: Path, error: OSError) -> ControlError:
    """Why nobody could be asked, and what to do."""
    if isinstance(error, FileNotFoundError):
        return ControlError(
            f"There is no control socket {path}.",
            "Is Apache running, with mod_pywsgi and a WSGIDaemonProcess? WSGIControlSocket in its"
            " configuration says where the socket lies; the error log says if it could not be made.",
        )
    if isinstance(error, ConnectionRefusedError):
        return ControlError(
            f"Nobody listens at {path}.", "Apache has ended without removing it: start it."
        )
    if isinstance(error, PermissionError):
        return ControlError(
            f"You may not use the control socket {path}.",
            "Only root and the user that started the server may: run this with sudo.",
        )
    return ControlError(f"Cannot connect to {path}: {error.strerror or error}.")


def _receive(
    connection: socket.socket,
    descriptors: list[int] | None,
    on_wait: Callable[[], None] | None,
    timeout: float | None,
) -> bytes:
    """All bytes up to the end of the connection, and the descriptors that come with them."""
    deadline = None if timeout is None else time.monotonic() + timeout
    parts: list[bytes] = []
    while True:
        left = None if deadline is None else max(0.001, deadline - time.monotonic())
        connection.settimeout(0.5 if left is None and on_wait else left)
        try:
            part, received, _, _ = socket.recv_fds(
                connection, _CHUNK, _MOST_FDS, socket.MSG_CMSG_CLOEXEC
            )
        except TimeoutError:
            if deadline is not None or on_wait is None:
                raise
            on_wait()
            continue
        except ConnectionResetError:
            return b"".join(parts)
        if descriptors is not None:
            descriptors.extend(received)
        else:  # nobody has a use for them
            for descriptor in received:
                os.close(descriptor)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _read_all(descriptors: Sequence[int], timeout: float) -> list[str]:
    """What comes from each until its end, or until the time is over."""
    texts = [bytearray() for _ in descriptors]
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for index, descriptor in enumerate(descriptors):
            selector.register(descriptor, selectors.EVENT_READ, index)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                break
            for key, _ in ready:
                part = os.read(key.fd, _CHUNK)
                texts[key.data] += part
                if not part or len(texts[key.data]) > _MOST_STACKS:
                    selector.unregister(key.fd)
    return [text.decode("utf-8", "replace") for text in texts]


# From documents to objects


def _require_ok(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("ok") is not True:
        raise ControlError(str(document.get("error") or "The server refuses without a reason."))
    return document


def _parsed(parse: Callable[[dict[str, Any]], T], document: dict[str, Any]) -> T:
    try:
        return parse(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ControlError(
            f"The server's answer is not understood ({error}).",
            "Server and mod-pywsgi-express are of different versions: install both from one release.",
        ) from None


def _ending(row: dict[str, Any] | None) -> Ending | None:
    if row is None or "pid" not in row:
        return None
    return Ending(
        pid=int(row["pid"]),
        signal=row.get("signal"),
        status=row.get("status"),
        ago=row.get("ago"),
        log=tuple(map(str, row.get("log", ()))),
    )


def _process(row: dict[str, Any]) -> ProcessStatus:
    return ProcessStatus(**{name: row[name] for name in ProcessStatus.__dataclass_fields__})


def _group(row: dict[str, Any]) -> GroupStatus:
    plain = (
        "name",
        "user",
        "wanted",
        "least",
        "most",
        "threads",
        "waiting",
        "queue_size",
        "served_by_predecessor",
        "failures",
        "retry_in",
    )
    return GroupStatus(
        **{name: row[name] for name in plain},
        reload=ReloadStatus(
            **{key: row["reload"][key] for key in ("state", "replaced", "seconds")}
        ),
        last_ending=_ending(row["last_ending"]),
        failure=_ending(row["failure"]),
        processes=tuple(map(_process, row["processes"])),
    )


def _server(document: dict[str, Any]) -> ServerStatus:
    plain = ("version", "pid", "supervisor", "state", "generation", "uptime", "age")
    return ServerStatus(
        **{name: document[name] for name in plain},
        groups=tuple(map(_group, document["groups"])),
        document=document,
    )


def _outcome(document: dict[str, Any]) -> Outcome:
    groups = tuple(
        GroupOutcome(
            name=row["name"],
            ok=row["ok"],
            replaced=row["replaced"],
            seconds=row["seconds"],
            failure=_ending(row),
        )
        for row in document["groups"]
    )
    return Outcome(document["ok"], str(document.get("error", "")), groups, document)
