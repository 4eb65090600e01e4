"""nginx in front of a Python server on a Unix socket."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bench.servers.base import Around, Server


class BehindNginx(Server):
    """`location` passes requests to the upstream `app`: `socket`, on which the Python server listens."""

    location: str

    @classmethod
    def missing(cls, around: Around) -> str:
        return "" if nginx() else "nginx is not installed"

    @property
    def socket(self) -> Path:
        return self.root / "run" / "app.sock"

    def nginx_command(self) -> list[str]:
        (self.root / "run").mkdir(mode=0o755)
        (self.root / "run").chmod(0o755)
        user = ""
        if self.around.user and self.around.group:
            user = f"user {self.around.user} {self.around.group};"
            shutil.chown(self.root / "run", self.around.user, self.around.group)
        paths = "\n".join(
            f"    {kind}_temp_path {self.root}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = TEMPLATE.format(
            user=user,
            root=self.root,
            cores=len(os.sched_getaffinity(0)),
            paths=paths,
            port=self.port,
            location=self.location,
            socket=self.socket,
        )
        file = self.write("nginx.conf", text)
        log = str(self.root / "nginx.log")
        return [str(nginx()), "-p", str(self.root), "-e", log, "-c", str(file)]


def nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


# The defaults of nginx, but: nothing is logged, keep-alive has no end (as for Apache), uploads may be as
# large as they are, and connections to the Python server are kept (Gunicorn gains 40% from that).
TEMPLATE = """
daemon off;
{user}
pid {root}/nginx.pid;
error_log {root}/nginx.log;
worker_processes {cores};
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_timeout 30s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
{paths}
    upstream app {{
        server unix:{socket};
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
{location}
        }}
    }}
}}
"""
