"""uWSGI behind nginx over the uwsgi protocol."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.servers.base import Around, Server
from bench.servers.nginx import BehindNginx

PLUGIN_DIRS = ("/usr/lib/uwsgi/plugins", "/usr/lib64/uwsgi", "/usr/lib/uwsgi")
PARAMETERS = {
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "REQUEST_URI": "$request_uri",
    "PATH_INFO": "$document_uri",
    "DOCUMENT_ROOT": "$document_root",
    "SERVER_PROTOCOL": "$server_protocol",
    "REQUEST_SCHEME": "$scheme",
    "HTTPS": "$https if_not_empty",
    "REMOTE_ADDR": "$remote_addr",
    "REMOTE_PORT": "$remote_port",
    "SERVER_PORT": "$server_port",
    "SERVER_NAME": "$server_name",
}


def programs(home: Path) -> tuple[str, list[str]] | None:
    """The program and the arguments that give it Python: PyPI's has it built in, Debian's as a plugin."""
    own = home / "bin" / "uwsgi"
    if own.exists():
        return str(own), []
    system = shutil.which("uwsgi")
    if system and any(Path(folder, "python3_plugin.so").exists() for folder in PLUGIN_DIRS):
        return system, ["--plugins=python3"]
    return None


def missing(around: Around) -> str:
    return "" if programs(around.home) else "uWSGI with its Python 3 plugin is not installed"


def command(server: Server) -> list[str]:
    """All but where it listens."""
    found = programs(server.around.home)
    assert found is not None
    program, plugins = found
    words = [program, *plugins, "--master", "--need-app", "--die-on-term", "--disable-logging"]
    words += ["--processes=1", "--listen=1024", f"--virtualenv={server.around.home}"]
    words += [f"--wsgi-file={server.app_file}"]
    if server.threads > 1:
        words += [f"--threads={server.threads}"]
    if server.around.user:
        words += [f"--uid={server.around.user}", f"--gid={server.around.group}"]
    return words


class Uwsgi(BehindNginx):
    name = "uwsgi"
    title = "nginx + uWSGI"
    location = "\n".join(
        [
            *(f"            uwsgi_param {name} {value};" for name, value in PARAMETERS.items()),
            "            uwsgi_pass app;",
        ]
    )

    @classmethod
    def missing(cls, around: Around) -> str:
        return missing(around) or super().missing(around)

    def commands(self) -> list[list[str]]:
        nginx = self.nginx_command()
        return [[*command(self), f"--socket={self.socket}", "--chmod-socket=666"], nginx]
