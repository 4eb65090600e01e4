"""Servers from PyPI that face the client themselves, with no web server in front of them."""

from __future__ import annotations

from typing import ClassVar

from bench.scenarios import Scenario
from bench.servers.base import Around, Server
from bench.servers.uwsgi import command, missing


class Bare(Server):
    """A program of the environment."""

    program: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    def missing(cls, around: Around) -> str:
        there = (around.home / "bin" / cls.program).exists()
        return "" if there else f"{cls.package} is not installed (pip install {cls.program})"

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return super().serves(scenario) and scenario.name != "file"  # no wsgi.file_wrapper in these

    @property
    def path_of_program(self) -> str:
        return str(self.around.home / "bin" / self.program)


class Granian(Bare):
    name = "granian"
    title = "Granian, no proxy"
    program = "granian"
    package = "Granian"

    def commands(self) -> list[list[str]]:
        words = [self.path_of_program, "--interface=wsgi", "--workers=1"]
        words += [f"--blocking-threads={self.threads}", "--host=127.0.0.1", f"--port={self.port}"]
        words += [f"--working-dir={self.around.apps}", "--no-log"]
        return [[*words, f"{self.scenario.app}:application"]]


class Cheroot(Bare):
    name = "cheroot"
    title = "Cheroot, no proxy"
    program = "cheroot"
    package = "Cheroot"
    is_optional = True

    def commands(self) -> list[list[str]]:
        words = [self.path_of_program, f"--bind=127.0.0.1:{self.port}", f"--threads={self.threads}"]
        words += [f"--max-threads={self.threads}", "--request-queue-size=1024"]
        return [[*words, f"{self.scenario.app}:application"]]


class Bjoern(Server):
    """One thread and an event loop in C; it has no program of its own."""

    name = "bjoern"
    title = "Bjoern, no proxy"
    is_optional = True
    has_threads = False

    @classmethod
    def missing(cls, around: Around) -> str:
        if next(around.home.glob("lib/python3*/site-packages/*bjoern*.so"), None):
            return ""
        return "Bjoern is not installed (pip install bjoern; it wants the headers of libev)"

    def commands(self) -> list[list[str]]:
        code = f"""\
import bjoern
from {self.scenario.app} import application
bjoern.run(application, "127.0.0.1", {self.port})
"""
        return [[str(self.around.home / "bin" / "python"), str(self.write("run.py", code))]]


class UwsgiAlone(Server):
    """uWSGI's workers face the client. Each thread keeps one connection until that ends: more
    connections than threads wait, and the rate is that of the others."""

    name = "uwsgi-http"
    title = "uWSGI, no proxy"
    is_optional = True

    @classmethod
    def missing(cls, around: Around) -> str:
        return missing(around)

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return super().serves(scenario) and scenario.name != "generator"  # no length: it closes

    def commands(self) -> list[list[str]]:
        return [[*command(self), f"--http11-socket=127.0.0.1:{self.port}"]]
