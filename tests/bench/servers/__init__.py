"""The servers that are compared, in the order of the tables."""

from __future__ import annotations

from bench.servers.base import Around, Server, ServerFailed
from bench.servers.floor import Floor, Static
from bench.servers.granian import Granian
from bench.servers.gunicorn import Gunicorn
from bench.servers.mod_wsgi import ModWsgiDaemon, ModWsgiEmbedded, ModWsgiFour
from bench.servers.ours import OursDaemon, OursEmbedded, OursFour, OursPreload
from bench.servers.uwsgi import Uwsgi

SERVERS: tuple[type[Server], ...] = (
    OursDaemon,
    ModWsgiDaemon,
    Uwsgi,
    Gunicorn,
    Granian,
    OursEmbedded,
    ModWsgiEmbedded,
    OursPreload,
    OursFour,
    ModWsgiFour,
    Floor,
    Static,
)

__all__ = ["SERVERS", "Around", "Server", "ServerFailed"]
