"""The servers that are compared, in the order of the tables."""

from __future__ import annotations

from bench.servers.bare import Bjoern, Cheroot, Granian, UwsgiAlone
from bench.servers.base import Around, Server, ServerFailed
from bench.servers.floor import Floor, Static, StaticSendfile
from bench.servers.gunicorn import ApacheGunicorn, Gunicorn
from bench.servers.mod_wsgi import ModWsgiDaemon, ModWsgiEmbedded, ModWsgiFour
from bench.servers.ours import (
    OursDaemon,
    OursEmbedded,
    OursFour,
    OursFreeThreaded,
    OursInterpreters,
    OursPreload,
)
from bench.servers.uwsgi import Uwsgi

SERVERS: tuple[type[Server], ...] = (
    OursDaemon,
    OursInterpreters,
    OursFreeThreaded,
    ModWsgiDaemon,
    Uwsgi,
    UwsgiAlone,
    Gunicorn,
    ApacheGunicorn,
    Granian,
    Cheroot,
    Bjoern,
    OursEmbedded,
    ModWsgiEmbedded,
    OursPreload,
    OursFour,
    ModWsgiFour,
    Floor,
    Static,
    StaticSendfile,
)

__all__ = [
    "SERVERS",
    "Around",
    "Bjoern",
    "Cheroot",
    "Gunicorn",
    "ModWsgiDaemon",
    "OursDaemon",
    "Server",
    "ServerFailed",
    "Uwsgi",
]
