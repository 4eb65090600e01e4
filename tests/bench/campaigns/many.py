"""Many applications in one Apache: what each costs the others."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from bench import cage, load, meter
from bench.campaigns import base
from bench.campaigns.base import Campaign, Chart, Column, Row
from bench.campaigns.sweep import SCENARIO, THREADS
from bench.rounds import Pace, Say, standing
from bench.scenarios import Cell
from bench.servers import Around, ModWsgiDaemon, OursDaemon, Server
from bench.servers.apache import Wsgi
from support import wait
from support.conf import Conf

CONNECTIONS = 16
START_SECONDS = 60


class Hosting(Wsgi):
    """`scripts` of them, each with an alias, in `groups`; what is asked for is the last of the file."""

    scripts: ClassVar[int]
    groups: ClassVar[int]
    started_after = 0.0

    @property
    def path(self) -> str:
        return f"/app{self.scripts - 1}/"

    def configure(self, conf: Conf) -> None:
        folder = self.root / "scripts"
        folder.mkdir(mode=0o755)
        conf.add("LoadModule", "wsgi_module", self.module(self.around))
        conf.add("WSGISocketPrefix", self.root / "run" / "wsgi")
        conf.add("WSGIRestrictEmbedded", "On")
        for number in range(self.groups):
            options = (f"threads={self.threads}", f"python-home={self.around.home}")
            conf.add("WSGIDaemonProcess", f"group{number}", *options)
        for number in range(self.scripts):
            script = folder / f"app{number}.py"
            shutil.copy(self.app_file, script)
            group = f"process-group=group{number % self.groups}"
            alias = (f"/app{number}", script, group, "application-group=%{GLOBAL}")
            conf.add("WSGIScriptAlias", *alias)

    def start(self) -> None:
        begun = time.monotonic()
        super().start()
        for number in range(self.scripts):
            wait.until(lambda number=number: self._serves(number), "all to answer", START_SECONDS)
        self.started_after = time.monotonic() - begun

    def _serves(self, number: int) -> bool:
        with contextlib.suppress(OSError, load.LoadFailed):
            return self.ask(f"/app{number}/")[0] == 200
        return False


class OursOne(Hosting, OursDaemon):
    name = "pywsgi-alias-1"
    title = "mod_pywsgi daemon, 1 script"
    scripts, groups = 1, 1


class OursMany(Hosting, OursDaemon):
    name = "pywsgi-alias-200"
    title = "mod_pywsgi daemon, 200 scripts"
    scripts, groups = 200, 20


class TheirsOne(Hosting, ModWsgiDaemon):
    name = "mod_wsgi-alias-1"
    title = "mod_wsgi daemon, 1 script"
    scripts, groups = 1, 1


class TheirsMany(Hosting, ModWsgiDaemon):
    name = "mod_wsgi-alias-200"
    title = "mod_wsgi daemon, 200 scripts"
    scripts, groups = 200, 20


class Many(Campaign):
    name = "many"
    title = "200 scripts in 20 process groups: start, memory, and a request to one of them"
    columns = (
        Column("started_s", "all answer after s", "{:,.2f}"),
        Column("memory", "MiB", "{:,.0f}"),
        Column("rate", "requests/s"),
        Column("cpu_us", "CPU µs"),
        Column("failed", "failed"),
    )
    chart = Chart(("started_s", "memory", "cpu_us"))
    servers = (OursOne, OursMany, TheirsOne, TheirsMany)

    def seconds(self, pace: Pace) -> float:
        return float(len(self.servers) * (pace.rounds * pace.seconds + 5))

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        around = replace(around, child_threads=64)
        with standing(self.servers, around, SCENARIO, THREADS, say) as (running, problems):
            found = base.interleaved(running, pace.rounds, lambda each: _take(each, pace), say)
            return [
                base.missing(kind, problems[kind.name])
                if kind.name in problems
                else base.row(kind) | found[kind.name] | _resting(running, kind)
                for kind in self.servers
            ]


def _take(server: Server, pace: Pace) -> Row:
    before = meter.cpu(server.processes())
    seen = load.run(Cell(SCENARIO, THREADS, CONNECTIONS), server.url, pace.seconds)
    used = meter.cpu_between(before, meter.cpu(server.processes()))
    return {
        "problem": "",
        "rate": seen.rate,
        "cpu_us": used * 1e6 / seen.requests if seen.requests else None,
        "failed": seen.failed,
    }


def _resting(running: Mapping[str, Server], kind: type[Server]) -> Row:
    server = running[kind.name]
    assert isinstance(server, Hosting)
    memory, _ = meter.memory(server.processes())
    return {"started_s": server.started_after, "memory": memory / cage.MIB}
