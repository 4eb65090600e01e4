"""What each default is worth: one setting at a time, with its default and with other values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench import cage, rounds
from bench.campaigns import base
from bench.campaigns.base import Campaign, Chart, Column, Row
from bench.rounds import Pace, Say
from bench.scenarios import Cell, Scenario, read
from bench.servers import Around, OursDaemon, Server, ServerFailed
from support.conf import Conf

THREADS = 8


@dataclass(frozen=True)
class Value:
    """One value of a setting, by what makes it in the configuration."""

    words: str
    directives: tuple[tuple[str, ...], ...] = ()
    options: tuple[str, ...] = ()  # of the process group
    mpm: str = "event"
    children: int = 2  # of Apache
    child_threads: int = 256


@dataclass(frozen=True)
class Setting:
    """A setting, the page that shows what it does, and its values: the default first."""

    name: str
    page: str
    connections: tuple[int, ...]
    values: tuple[Value, ...]


def _linger(milliseconds: int) -> Value:
    return Value(str(milliseconds), (("WSGIKeepAliveLinger", str(milliseconds)),))


SETTINGS = (
    Setting("WSGIKeepAliveLinger", "hello", (16, 256), (_linger(2), _linger(0), _linger(10))),
    Setting(
        "KeepAlive",
        "hello",
        (16,),
        (Value("On, for 2 s", (("KeepAliveTimeout", "2"),)), Value("Off", (("KeepAlive", "Off"),))),
    ),
    Setting(
        "MPM",
        "hello",
        (64,),
        (
            Value("event"),
            Value("worker", mpm="worker"),
            Value("prefork", mpm="prefork", children=128, child_threads=1),
        ),
    ),
    Setting(
        "ThreadsPerChild",
        "hello",
        (256,),
        (
            Value("64", children=8, child_threads=64),
            Value("25", children=20, child_threads=25),
            Value("256", children=2, child_threads=256),
        ),
    ),
    Setting(
        "WSGIEnableSendfile",
        "file",
        (16,),
        (Value("On"), Value("Off", (("WSGIEnableSendfile", "Off"),))),
    ),
    Setting(
        "request-buffer-size=",
        "upload",
        (16,),
        (Value("1 MiB"), Value("0", options=("request-buffer-size=0",))),
    ),
    Setting(
        "response-buffer-size=",
        "generator",
        (16,),
        (Value("8 MiB"), Value("64 KiB", options=("response-buffer-size=65536",))),
    ),
)


class Tuned(OursDaemon):
    """Ours with one value of one setting."""

    def __init__(self, around: Around, scenario: Scenario, value: Value) -> None:
        around = replace(around, children=value.children, child_threads=value.child_threads)
        super().__init__(around, scenario, THREADS)
        self.value = value
        self.options = value.options  # type: ignore[misc]
        self.modules = (f"mpm_{value.mpm}", *OursDaemon.modules[1:])  # type: ignore[misc]

    def configure(self, conf: Conf) -> None:
        super().configure(conf)
        for words in self.value.directives:
            conf.add(*words)

    def _size(self, conf: Conf) -> None:
        if self.value.mpm != "prefork":
            super()._size(conf)
            return
        for directive in ("StartServers", "ServerLimit", "MaxRequestWorkers", "MaxSpareServers"):
            conf.add(directive, self.value.children)


class Defaults(Campaign):
    name = "defaults"
    title = "defaults, and what other values would give"
    columns = (
        Column("page", "page"),
        Column("connections", "connections"),
        Column("rate", "requests/s"),
        Column("p99_ms", "p99 ms", "{:,.1f}"),
        Column("cpu_us", "CPU µs"),
        Column("memory", "MiB"),
        Column("failed", "failed"),
    )
    chart = Chart(("rate", "cpu_us"))
    servers = (OursDaemon,)

    def seconds(self, pace: Pace) -> float:
        turns = sum(len(each.values) * len(each.connections) for each in SETTINGS)
        return float(turns * pace.rounds * pace.seconds + 2 * len(SETTINGS))

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        if not self.servers:
            return []  # ours was not asked for
        scenarios = {each.name: each for each in read()}
        found: list[Row] = []
        for setting in SETTINGS:
            say(f"  {setting.name}: {', '.join(value.words for value in setting.values)}")
            found += _rows(setting, scenarios[setting.page], around, pace, say)
        return found


def _rows(
    setting: Setting, scenario: Scenario, around: Around, pace: Pace, say: Say
) -> Iterator[Row]:
    """All values of a setting take turns."""
    servers = {value.words: Tuned(around, scenario, value) for value in setting.values}
    try:
        for server in servers.values():
            server.start()
        for connections in setting.connections:
            cell = Cell(scenario, THREADS, connections)
            seen = base.interleaved(
                servers, pace.rounds, lambda each, cell=cell: _take(each, cell, pace), say
            )
            for words, values in seen.items():
                yield _titled(setting, words, scenario, connections) | values
    except ServerFailed as error:
        yield base.missing(OursDaemon, f"FAILED: {setting.name}: {error}", page=scenario.name)
    finally:
        for server in servers.values():
            server.stop()


def _titled(setting: Setting, words: str, scenario: Scenario, connections: int) -> Row:
    default = " (the default)" if words == setting.values[0].words else ""
    title = f"{setting.name} {words}{default}"
    return {
        **base.row(OursDaemon, page=scenario.name, connections=connections),
        "title": title.replace("= ", "="),
    }


def _take(server: Server, cell: Cell, pace: Pace) -> Row:
    seen = rounds.take(cell, server, pace.seconds)
    return {
        "problem": "",
        "rate": seen.rate,
        "p99_ms": seen.p99_us / 1000,
        "cpu_us": seen.cpu_us,
        "memory": seen.memory / cage.MIB,
        "failed": seen.failed,
    }
