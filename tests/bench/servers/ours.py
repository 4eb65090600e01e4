"""mod_pywsgi, in daemon mode and embedded."""

from __future__ import annotations

from pathlib import Path

from bench.servers.apache import Apache, Wsgi
from bench.servers.base import Around
from support.machine import Artifacts


class OursDaemon(Wsgi):
    name = "pywsgi-daemon"
    title = "mod_pywsgi daemon"
    is_ours = True

    @classmethod
    def missing(cls, around: Around) -> str:
        gone = [path.name for path in Artifacts(around.build).all() if not path.exists()]
        return f"not built: {', '.join(gone)} (./dev build)" if gone else Apache.missing(around)

    @classmethod
    def module(cls, around: Around) -> Path | None:
        return Artifacts(around.build).module


class OursEmbedded(OursDaemon):
    name = "pywsgi-embedded"
    title = "mod_pywsgi embedded"
    yardstick = "mod_wsgi-embedded"
    is_daemon = False
    has_threads = False


class OursFour(OursDaemon):
    name = "pywsgi-4"
    title = "mod_pywsgi daemon, 4 processes"
    yardstick = "mod_wsgi-4"
    process_count = 4


class OursPreload(OursFour):
    name = "pywsgi-4-preload"
    title = "mod_pywsgi daemon, 4, preload=On"
    options = ("preload=On",)
