"""What Apache costs without any Python: a bare C handler, and its own static files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.scenarios import Scenario
from bench.servers.apache import Apache
from bench.servers.base import Around
from support.conf import Conf

SOURCE = Path(__file__).parent.parent / "floor" / "mod_bench_floor.c"
HANDLERS = ("hello", "generator", "upload")


def build(folder: Path) -> str:
    """Compile the module into FOLDER; what went wrong, or nothing."""
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if apxs is None:
        return "apxs, which builds it, is not installed"
    shutil.copy(SOURCE, folder)
    words = [apxs, "-S", f"LIBEXECDIR={folder}", "-i", "-c", str(folder / SOURCE.name)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return "" if module(folder).exists() else f"apxs failed: {(done.stdout + done.stderr)[-300:]}"


def module(folder: Path) -> Path:
    return folder / SOURCE.with_suffix(".so").name


class Floor(Apache):
    name = "floor"
    title = "bare C handler in Apache"
    yardstick = "mod_wsgi-embedded"
    has_threads = False

    @classmethod
    def missing(cls, around: Around) -> str:
        if reason := Apache.missing(around):
            return reason
        return "" if module(around.apps).exists() else build(around.apps)

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.name in HANDLERS

    def configure(self, conf: Conf) -> None:
        conf.add("LoadModule", "bench_floor_module", module(self.around.apps))
        conf.add("Alias", "/", self.app_file)
        with conf.section("Location", "/"):
            conf.add("SetHandler", f"bench-{self.scenario.name}")


class Static(Apache):
    name = "static"
    title = "static file of Apache"
    yardstick = "mod_wsgi-embedded"
    has_threads = False

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.name in ("hello", "file")

    @property
    def path(self) -> str:
        return {"hello": "/hello.txt", "file": "/one_mib.bin"}[self.scenario.name]

    def configure(self, conf: Conf) -> None:
        pass


class StaticSendfile(Static):
    """As the file wrapper does it; over loopback that costs more than Apache's own way."""

    name = "static-sendfile"
    title = "static file of Apache, EnableSendfile On"

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.name == "file"

    def configure(self, conf: Conf) -> None:
        conf.add("EnableSendfile", "On")
