"""Gunicorn from PyPI with its threaded worker, behind nginx as its documentation says, and behind Apache."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.servers.apache import Apache
from bench.servers.base import Around, Server
from bench.servers.nginx import BehindNginx
from support.conf import Conf


def missing(around: Around) -> str:
    there = (around.home / "bin" / "gunicorn").exists()
    return "" if there else "Gunicorn is not installed (pip install gunicorn)"


def command(server: Server, socket: Path) -> list[str]:
    words = [str(server.around.home / "bin" / "gunicorn"), "--worker-class=gthread"]
    words += ["--workers=1", f"--threads={server.threads}", f"--bind=unix:{socket}"]
    if server.around.user:
        words += [f"--user={server.around.user}", f"--group={server.around.group}"]
    return [*words, f"--pythonpath={server.around.apps}", server.scenario.app]


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
        return missing(around) or super().missing(around)

    def commands(self) -> list[list[str]]:
        nginx = self.nginx_command()
        return [command(self, self.socket), nginx]


class ApacheGunicorn(Apache):
    """mod_proxy_http keeps its connections to Gunicorn open, as nginx does."""

    name = "apache-gunicorn"
    title = "Apache + Gunicorn gthread"
    is_optional = True
    modules = (*Apache.modules, "proxy", "proxy_http")

    @classmethod
    def missing(cls, around: Around) -> str:
        return missing(around) or super().missing(around)

    @property
    def socket(self) -> Path:
        return self.root / "run" / "app.sock"

    def configure(self, conf: Conf) -> None:
        conf.add("ProxyPass", "/", f"unix:{self.socket}|http://localhost/", "enablereuse=on")

    def commands(self) -> list[list[str]]:
        apache = super().commands()
        if self.around.user and self.around.group:
            shutil.chown(self.root / "run", self.around.user, self.around.group)
        return [command(self, self.socket), *apache]
