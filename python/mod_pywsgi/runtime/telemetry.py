"""What the datagrams of a server's processes add up to: docs/telemetry.md has their format.

Nothing that comes is trusted: any process of the application's user may write to the socket.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PROCESS, REQUEST, SLOW_REQUEST, STARTED, STOPPING, STOPPED = 1, 2, 4, 5, 6, 7
_HEAD = struct.Struct("<4sBBHIId")
_FIELD = struct.Struct("<HB")
_COUNT = struct.Struct("<H")
_PLAIN = {1: struct.Struct("<Q"), 2: struct.Struct("<d"), 3: struct.Struct("<q")}
_TEXT, _INTEGERS, _FLOATS = 4, 5, 6
_MOST_GROUPS = 1000
_MOST_SLOW = 100  # requests that have ended are remembered

Fields = dict[int, Any]
# What a field is called in documents: those of a process, of a group's counters, of a slow request.
_OF_PROCESS = {
    3: "version",
    4: "python",
    20: "requests_per_second",
    21: "utilisation",
    32: "cpu",
    40: "memory",
    41: "memory_peak",
    50: "threads",
    52: "serving",
    131: "age",
    60: "server_time",
    61: "queue_time",
    63: "application_time",
}
_OF_SLOW = {
    200: "log_id",
    203: "seconds",
    204: "ended",
    205: "method",
    206: "uri",
    207: "script",
    209: "client",
    210: "user_agent",
}
_STATUSES = {120: "1xx", 121: "2xx", 122: "3xx", 123: "4xx", 124: "5xx"}


@dataclass
class Datagram:
    """What one of them says."""

    kind: int
    pid: int
    fields: Fields


def parse(data: bytes) -> Datagram | None:
    """Read one; None: it is none of ours."""
    try:
        magic, version, kind, _, pid, _, _ = _HEAD.unpack_from(data)
        if magic != b"WSGI" or version != 1:
            return None
        return Datagram(kind, pid, dict(_fields(data)))
    except (struct.error, KeyError):
        return None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = _HEAD.size
    while at < len(data):
        name, kind = _FIELD.unpack_from(data, at)
        at += _FIELD.size
        if kind in _PLAIN:
            yield name, _PLAIN[kind].unpack_from(data, at)[0]
            at += 8
            continue
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        size = {_TEXT: 1, _INTEGERS: 4, _FLOATS: 8}[kind] * count
        if at + size > len(data):
            raise struct.error("cut")
        if kind == _TEXT:
            yield name, data[at : at + size].decode(errors="replace")
        at += size


@dataclass
class Group:
    """What a process group has done since this program began."""

    requests: int = 0
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    started: int = 0


@dataclass
class Process:
    """What a process said last."""

    group: str
    heard: float
    fields: Fields = field(default_factory=dict)


class Server:
    """All that is known. Not for several threads at a time."""

    def __init__(self, interval: float) -> None:
        self.groups: dict[str, Group] = {}
        self.processes: dict[int, Process] = {}
        self.slow: list[dict[str, Any]] = []
        self._patience = max(10 * interval, 5.0)  # seconds of silence

    def take(self, datagram: Datagram, now: float) -> None:
        """Add what a datagram says.

        :param now: seconds of a clock that goes on.
        """
        fields = datagram.fields
        known = self.processes.get(datagram.pid)
        if datagram.kind == STOPPED:
            self.processes.pop(datagram.pid, None)
            return
        if known is None:
            if len(self.groups) >= _MOST_GROUPS and fields.get(1) not in self.groups:
                return
            known = self.processes[datagram.pid] = Process(str(fields.get(1, "")), now)
        known.heard = now
        if 1 in fields:
            known.group = str(fields[1])
        group = self.groups.setdefault(known.group, Group())
        if datagram.kind == STARTED:
            group.started += 1
        if datagram.kind == SLOW_REQUEST:
            self._take_slow(datagram.pid, known.group, fields)
            return
        known.fields.update(fields)
        if datagram.kind == REQUEST:
            _count(group, fields)

    def _take_slow(self, pid: int, group: str, fields: Fields) -> None:
        slow: dict[str, Any] = {"pid": pid, "group": group, "thread": fields.get(201)}
        slow.update({name: fields[number] for number, name in _OF_SLOW.items() if number in fields})
        same = (pid, slow["thread"], slow.get("log_id"))
        self.slow = [
            each for each in self.slow if (each["pid"], each["thread"], each.get("log_id")) != same
        ]
        self.slow = [*self.slow, slow][-_MOST_SLOW:]

    def forget(self, now: float) -> None:
        """Processes that were killed said nothing of it."""
        self.processes = {
            pid: process
            for pid, process in self.processes.items()
            if now - process.heard < self._patience
        }

    def document(self) -> dict[str, Any]:
        """What is known, for a program or the page."""
        return {
            "groups": [
                {"name": name, **vars(group)} for name, group in sorted(self.groups.items())
            ],
            "processes": [
                {
                    "pid": pid,
                    "group": process.group,
                    **{
                        name: process.fields[number]
                        for number, name in _OF_PROCESS.items()
                        if number in process.fields
                    },
                }
                for pid, process in sorted(self.processes.items())
            ],
            "slow_requests": self.slow[::-1],
        }

    def prometheus(self) -> str:
        """The same in the text format of Prometheus."""
        lines: list[str] = []
        for name, kind, help_text, samples in _metrics(self):
            lines += [f"# HELP pywsgi_{name} {help_text}", f"# TYPE pywsgi_{name} {kind}"]
            lines += [f"pywsgi_{name}{_labels(labels)} {value}" for labels, value in samples]
        return "\n".join([*lines, ""])


def _count(group: Group, fields: Fields) -> None:
    """Add the requests of an interval."""
    requests = fields.get(13, 0)
    group.requests += requests
    group.seconds += requests * fields.get(64, 0.0)
    group.bytes_in += fields.get(100, 0)
    group.bytes_out += fields.get(102, 0)
    for number, name in _STATUSES.items():
        if fields.get(number):
            group.statuses[name] = group.statuses.get(name, 0) + fields[number]


Sample = tuple[Mapping[str, str], float]
_COUNTERS = {
    "requests": ("requests_total", "Requests that have ended."),
    "seconds": ("request_seconds_total", "Time that they took, from Apache to the last byte."),
    "bytes_in": ("request_bytes_total", "Bytes of their bodies."),
    "bytes_out": ("response_bytes_total", "Bytes of the responses' bodies."),
    "started": ("process_starts_total", "Processes that were started."),
}
_GAUGES = {
    32: ("process_cpu_cores", "Cores that a process used."),
    40: ("process_resident_memory_bytes", "Resident memory of a process."),
    50: ("process_threads", "Request threads of a process."),
    52: ("process_threads_serving", "Those that serve a request."),
}


def _metrics(server: Server) -> Iterator[tuple[str, str, str, list[Sample]]]:
    for attribute, (name, text) in _COUNTERS.items():
        yield (
            name,
            "counter",
            text,
            [({"group": key}, getattr(each, attribute)) for key, each in server.groups.items()],
        )
    responses: list[Sample] = [
        ({"group": key, "status": status}, count)
        for key, each in server.groups.items()
        for status, count in sorted(each.statuses.items())
    ]
    yield "responses_total", "counter", "Responses by the class of their status.", responses
    for number, (name, text) in _GAUGES.items():
        samples: list[Sample] = [
            ({"group": process.group, "pid": str(pid)}, process.fields[number])
            for pid, process in server.processes.items()
            if number in process.fields
        ]
        yield name, "gauge", text, samples


def _labels(labels: Mapping[str, str]) -> str:
    """Names are ours, values are whatever came."""

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items()) + "}"
