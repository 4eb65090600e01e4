"""How long what an application yields takes to the client: plain, compressed, and by HTTP/2."""

from __future__ import annotations

import functools
import subprocess
import time

from bench.campaigns.base import Campaign, Chart, Column, Row, absent, interleaved, row
from bench.load import LoadFailed
from bench.rounds import Pace, Say, standing
from bench.scenarios import Scenario
from bench.servers import Around, Server
from bench.servers.apache import Apache, Wsgi
from bench.servers.mod_wsgi import ModWsgiDaemon, ModWsgiEmbedded
from bench.servers.ours import OursDaemon, OursEmbedded
from bench.servers.uwsgi import Uwsgi
from support.conf import Conf

LINES = 5  # as in apps/stream.py
LONGEST = 20  # seconds
THREADS = 8
STREAMS, QUICK_STREAMS = 10, 3  # of each server in each round
WAYS = (
    ("plain", ("--http1.1",)),
    ("mod_deflate", ("--http1.1", "--compressed")),
    ("HTTP/2", ("--http2-prior-knowledge",)),
    ("HTTP/2, mod_deflate", ("--http2-prior-knowledge", "--compressed")),
)
PAGE = Scenario("stream", "stream", "stream", "/", (THREADS,), (1,), ())


class Streaming(Wsgi):
    """With what else may hold a stream up."""

    modules = (*Apache.modules, "filter", "deflate", "http2")

    def configure(self, conf: Conf) -> None:
        conf.add("Protocols", "h2c", "http/1.1")
        conf.add("SetOutputFilter", "DEFLATE")
        super().configure(conf)


class OurStream(Streaming, OursDaemon):
    pass


class OurEmbeddedStream(Streaming, OursEmbedded):
    pass


class TheirStream(Streaming, ModWsgiDaemon):
    pass


class TheirEmbeddedStream(Streaming, ModWsgiEmbedded):
    pass


class Stream(Campaign):
    name = "stream"
    title = f"{LINES} lines, one every 50 ms: from the application to the client"
    columns = (
        Column("way", "way"),
        Column("first_ms", "first byte ms", "{:,.2f}"),
        Column("later_ms", "later lines ms", "{:,.2f}"),
    )
    chart = Chart(("first_ms", "later_ms"))
    servers = (OurStream, TheirStream, Uwsgi, OurEmbeddedStream, TheirEmbeddedStream)

    def seconds(self, pace: Pace) -> float:
        return len(self.servers) * len(WAYS) * pace.rounds * _streams(pace) * LINES * 0.07

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        rows: list[Row] = []
        with standing(self.servers, around, PAGE, THREADS, say) as (running, problems):
            rows += absent(self.servers, problems)
            for way, words in WAYS:
                able = {
                    name: each
                    for name, each in running.items()
                    if isinstance(each, Streaming) or way == "plain"
                }
                take = functools.partial(_take, words=words, streams=_streams(pace))
                for name, values in interleaved(able, pace.rounds, take, say).items():
                    rows.append({**row(type(able[name]), way=way), **values})
        return rows


def _streams(pace: Pace) -> int:
    return QUICK_STREAMS if pace.is_quick else STREAMS


def _take(server: Server, words: tuple[str, ...], streams: int) -> Row:
    """The middle of all streams, and of all of their later lines."""
    delays = [_delays(server.url, words) for _ in range(streams)]
    later = [delay for each in delays for delay in each[1:]]
    return {
        "problem": "",
        "first_ms": sorted(each[0] for each in delays)[streams // 2],
        "later_ms": sorted(later)[len(later) // 2],
    }


def _delays(url: str, words: tuple[str, ...]) -> list[float]:
    """Milliseconds that each line took; raises LoadFailed where some did not come."""
    command = ["curl", "-sS", "--fail", "-N", f"-m{LONGEST}", *words, url]
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            found.append((time.monotonic_ns() - int(line)) / 1e6)
        told = process.stderr.read().decode(errors="replace").strip()
    if process.returncode or len(found) != LINES:
        raise LoadFailed(f"{len(found)} of {LINES} lines came: {told}")
    return found
