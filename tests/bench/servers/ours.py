"""mod_pywsgi, in daemon mode and embedded."""

from __future__ import annotations

import platform
import sys
import sysconfig
from pathlib import Path

from bench.scenarios import Scenario
from bench.servers.apache import Apache, Wsgi
from bench.servers.base import Around
from support.conf import Conf
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


class OursInterpreters(OursDaemon):
    name = "pywsgi-interpreters-2"
    title = "mod_pywsgi daemon, interpreters=2"
    has_threads = False  # of the most alone: with one thread there is no second interpreter
    is_ours = False  # in that it may be missing: an older Python is no mistake
    options = ("interpreters=2",)

    @classmethod
    def missing(cls, around: Around) -> str:
        if sys.version_info < (3, 12):
            return f"Python 3.12 or newer is needed, this is {platform.python_version()}"
        return super().missing(around)

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.name == "cpu"


class OursFreeThreaded(OursDaemon):
    name = "pywsgi-free-threaded"
    title = "mod_pywsgi daemon, WSGIFreeThreading On"
    is_ours = False  # as with interpreters: another Python is no mistake
    is_optional = True

    @classmethod
    def missing(cls, around: Around) -> str:
        if not sysconfig.get_config_var("Py_GIL_DISABLED"):
            return "a free-threaded build of Python is needed"
        return super().missing(around)

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.name == "cpu"

    def configure(self, conf: Conf) -> None:
        super().configure(conf)
        conf.add("WSGIFreeThreading", "On")
