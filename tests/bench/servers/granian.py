"""Granian from PyPI, facing the client itself: what a server without a web server in front reaches."""

from __future__ import annotations

from bench.servers.base import Around, Server


class Granian(Server):
    name = "granian"
    title = "Granian, no proxy"
    is_optional = True

    @classmethod
    def missing(cls, around: Around) -> str:
        there = (around.home / "bin" / "granian").exists()
        return "" if there else "Granian is not installed (pip install granian)"

    def commands(self) -> list[list[str]]:
        words = [str(self.around.home / "bin" / "granian"), "--interface=wsgi", "--workers=1"]
        words += [f"--blocking-threads={self.threads}", "--host=127.0.0.1", f"--port={self.port}"]
        words += [f"--working-dir={self.around.apps}", "--no-log"]
        return [[*words, f"{self.scenario.app}:application"]]
