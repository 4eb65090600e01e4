"""mod_wsgi from PyPI, in daemon mode and embedded."""

from __future__ import annotations

from pathlib import Path

from bench.servers.apache import Apache, Wsgi
from bench.servers.base import Around


class ModWsgiDaemon(Wsgi):
    name = "mod_wsgi-daemon"
    title = "mod_wsgi daemon"

    @classmethod
    def missing(cls, around: Around) -> str:
        if cls.module(around) is None:
            return "mod_wsgi is not installed (pip install mod_wsgi; it wants apxs)"
        return Apache.missing(around)

    @classmethod
    def module(cls, around: Around) -> Path | None:
        pattern = "lib/python3*/site-packages/mod_wsgi/server/mod_wsgi*.so"
        return next(iter(sorted(around.home.glob(pattern))), None)


class ModWsgiEmbedded(ModWsgiDaemon):
    name = "mod_wsgi-embedded"
    title = "mod_wsgi embedded"
    yardstick = "mod_wsgi-embedded"
    is_daemon = False
    has_threads = False


class ModWsgiFour(ModWsgiDaemon):
    name = "mod_wsgi-4"
    title = "mod_wsgi daemon, 4 processes"
    yardstick = "mod_wsgi-4"
    process_count = 4
