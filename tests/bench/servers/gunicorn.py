"""Gunicorn from PyPI with its threaded worker, behind nginx as its documentation says."""

from __future__ import annotations

from bench.servers.base import Around
from bench.servers.nginx import BehindNginx


class Gunicorn(BehindNginx):
    name = "gunicorn"
    title = "nginx + Gunicorn gthread"
    location = """\
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_redirect off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;"""

    @classmethod
    def missing(cls, around: Around) -> str:
        if not (around.home / "bin" / "gunicorn").exists():
            return "Gunicorn is not installed (pip install gunicorn)"
        return super().missing(around)

    def commands(self) -> list[list[str]]:
        nginx = self.nginx_command()
        words = [str(self.around.home / "bin" / "gunicorn"), "--worker-class=gthread"]
        words += ["--workers=1", f"--threads={self.threads}", f"--bind=unix:{self.socket}"]
        if self.around.user:
            words += [f"--user={self.around.user}", f"--group={self.around.group}"]
        return [[*words, f"--pythonpath={self.around.apps}", self.scenario.app], nginx]
