"""One large body each way: how fast, at what cost, and whether memory stays what it is."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from bench import meter
from bench.campaigns.base import Campaign, Chart, Column, Row, absent, interleaved, row
from bench.load import LoadFailed
from bench.rounds import Pace, Say, standing
from bench.scenarios import Scenario
from bench.servers import Around, Server
from bench.servers.floor import Static
from bench.servers.mod_wsgi import ModWsgiDaemon, ModWsgiEmbedded
from bench.servers.ours import OursDaemon, OursEmbedded
from bench.servers.uwsgi import Uwsgi

GIB, MIB = 1 << 30, 1 << 20
QUICK_BYTES = 256 * MIB
THREADS = 8
LONGEST = 120  # seconds of a transfer
LOOK_SECONDS = 0.05  # between two looks at the memory
FORM = "%{time_total} %{size_download} %{size_upload}"  # what curl is to tell
UPLOAD = "/upload"
KINDS = (("generator", "/generator"), ("file wrapper", "/file.bin"), ("upload", UPLOAD))
PAGE = Scenario("bulk", "bulk", "bulk", "/?0", (THREADS,), (1,), ())


class StaticBulk(Static):
    @property
    def path(self) -> str:
        return "/hello.txt"


class Bulk(Campaign):
    name = "bulk"
    title = "one body of 1 GiB (quick: 256 MiB)"
    columns = (
        Column("kind", "kind"),
        Column("rate", "MiB/s"),
        Column("cpu", "CPU s per GiB", "{:,.2f}"),
        Column("peak", "peak MiB"),
        Column("growth", "more than before", "{:,.0f}"),
    )
    chart = Chart(("rate", "cpu", "peak"))
    servers = (OursDaemon, ModWsgiDaemon, Uwsgi, OursEmbedded, ModWsgiEmbedded, StaticBulk)

    def seconds(self, pace: Pace) -> float:
        return len(self.servers) * len(KINDS) * pace.rounds * (0.5 if pace.is_quick else 2.0)

    def run(self, around: Around, pace: Pace, say: Say) -> list[Row]:
        transfer = Transfer(around.apps, QUICK_BYTES if pace.is_quick else GIB)
        rows: list[Row] = []
        transfer.make_file()
        with standing(self.servers, around, PAGE, THREADS, say) as (running, problems):
            rows += absent(self.servers, problems)
            for kind, path in KINDS:
                able = {name: each for name, each in running.items() if _serves(each, path)}
                taken = interleaved(
                    able, pace.rounds, functools.partial(transfer.take, path=path), say
                )
                for name, values in taken.items():
                    rows.append({**row(type(able[name]), kind=kind), **values})
        return rows


def _serves(server: Server, path: str) -> bool:
    return not isinstance(server, Static) or path == "/file.bin"


class Transfer:
    """One body of `size` bytes, by curl."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size

    @property
    def file(self) -> Path:
        return self.folder / "bulk.bin"

    def make_file(self) -> None:
        """What is sent: a file that is all hole, and read once: neither disk nor cache is measured."""
        with self.file.open("wb+") as file:
            file.truncate(self.size)
            while file.read(MIB):
                pass
        self.file.chmod(0o644)

    def take(self, server: Server, path: str) -> Row:
        name = f"/{self.file.name}" if isinstance(server, Static) else f"{path}?{self.size}"
        url = f"http://127.0.0.1:{server.port}{name}"
        before = meter.cpu(server.processes())
        with _peak(server) as peak:
            seconds = self._transfer(url, path == UPLOAD)
        used = meter.cpu_between(before, meter.cpu(server.processes()))
        return {
            "problem": "",
            "rate": self.size / MIB / seconds,
            "cpu": used * GIB / self.size,
            "peak": max(peak) / MIB,
            "growth": (max(peak) - peak[0]) / MIB,
        }

    def _transfer(self, url: str, is_upload: bool) -> float:
        """Seconds that it took; raises LoadFailed where it was not whole."""
        words = ["curl", "-sS", "--fail", f"-m{LONGEST}", "-w", FORM, url]
        if is_upload:
            words += ["-XPOST", f"-T{self.file}", "-HExpect:"]
        done = subprocess.run(
            [*words, "-o", "/dev/null"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LoadFailed(done.stderr.strip() or f"curl ended with status {done.returncode}")
        seconds, down, up = (float(word) for word in done.stdout.split())
        moved = up if is_upload else down
        if moved != self.size:
            raise LoadFailed(f"{moved:.0f} bytes of {self.size} were moved")
        return seconds


@contextlib.contextmanager
def _peak(server: Server) -> Iterator[list[int]]:
    """Looks at the memory of the server's processes, again and again, until the block is over."""
    seen, over = [meter.memory(server.processes())[0]], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            seen.append(meter.memory(server.processes())[0])

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
