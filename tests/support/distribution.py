"""An Apache laid out as Debian or Fedora do it, in a directory of its own: not the machine's."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from support import procs, raw, wait
from support.machine import Facts, Port

# What the programs of Debian's package do, as far as it shows: links, and an error for what is not there.
A2 = """#!/bin/sh
set -eu
name=$(basename "$0")
case $name in *site) kind=sites; end=conf;; *mod) kind=mods; end=load;; esac
while [ "${1#-}" != "$1" ]; do shift; done
cd "$APACHE_CONFDIR"
for one; do
    [ -e "$kind-available/$one.$end" ] || { echo "ERROR: $one does not exist!"; exit 1; }
    needs=$(sed -n 's/^# Depends: //p' "$kind-available/$one.$end")
    case $name in
    a2en*) for each in $one $needs; do ln -sf "../$kind-available/$each.$end" $kind-enabled/; done ;;
    a2dis*) rm -f "$kind-enabled/$one.$end" ;;
    esac
done
"""
MODULES = ("mpm_event", "authz_core", "authz_host", "alias", "mime", "dir")
ON_DEMAND = (
    "env",
    "rewrite",
    "socache_shmcb",
    "ssl",
    "headers",
)  # Fedora loads whatever is installed
MAIN = """
ServerName localhost
PidFile run/httpd.pid
DefaultRuntimeDir run
ErrorLog {logs}/error.log
LogFormat "%h %>s" combined
TypesConfig {root}/types
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{https_port}
<Directory />
    Require all denied
</Directory>
{user}
{includes}
"""
INCLUDES = {
    "debian": ("mods-enabled/*.load", "sites-enabled/*.conf"),
    "fedora": ("conf.modules.d/*.conf", "conf.d/*.conf"),
}
FOLDERS = {
    "debian": ("mods-available", "mods-enabled", "sites-available", "sites-enabled", "log", "bin"),
    "fedora": ("conf", "conf.modules.d", "conf.d", "logs"),
}


class Distribution:
    """Its files; `start` runs it, `stop` ends it."""

    def __init__(self, kind: str, root: Path, facts: Facts) -> None:
        self.kind, self.root, self.facts = kind, root, facts
        self.modules = root / "modules"
        for name in (*FOLDERS[kind], "run", "modules"):
            (root / name).mkdir()
        self.logs = root / ("log" if kind == "debian" else "logs")
        ports = Port(), Port()
        for port in ports:
            port.release()
        self.port, self.https_port = (port.number for port in ports)
        (root / "types").write_text("text/css css\n")
        self.conf = root / ("apache2.conf" if kind == "debian" else "conf/httpd.conf")
        user = f"User {facts.user}\nGroup {facts.group}" if os.geteuid() == 0 else ""
        includes = "\n".join(f"IncludeOptional {name}" for name in INCLUDES[kind])
        self.conf.write_text(
            MAIN.format(
                root=root,
                logs=self.logs,
                port=self.port,
                https_port=self.https_port,
                user=user,
                includes=includes,
            )
        )
        if kind == "debian":
            (root / "envvars").write_text(
                f"export APACHE_LOG_DIR={self.logs} APACHE_RUN_DIR={root}/run\n"
            )
            for name in ("a2ensite", "a2dissite", "a2enmod", "a2dismod"):
                (root / "bin" / name).write_text(A2)
                (root / "bin" / name).chmod(0o755)
        for name in (*MODULES, *ON_DEMAND):
            self.offer(name, load=name in MODULES or kind == "fedora")
        self.process: subprocess.Popen[bytes] | None = None

    def offer(self, name: str, *, load: bool) -> None:
        """A module of Apache's own, where this distribution has the line that loads it."""
        if name in self.facts.built_in:
            return
        line = f"LoadModule {name}_module {self.facts.modules}/mod_{name}.so\n"
        if self.kind == "fedora":
            (self.root / "conf.modules.d" / f"00-{name}.conf").write_text(line)
            return
        needs = "# Depends: socache_shmcb\n" if name == "ssl" else ""
        (self.root / "mods-available" / f"{name}.load").write_text(needs + line)
        if load:
            link = self.root / "mods-enabled" / f"{name}.load"
            link.symlink_to(f"../mods-available/{name}.load")

    @property
    def words(self) -> list[str]:
        """Options of `site` that lead it here."""
        return [
            *("--conf-directory", str(self.root), "--modules-directory", str(self.modules)),
            *("--port", str(self.port)),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "HTTPD": self.facts.program}

    def site_file(self, name: str) -> Path:
        folder = "sites-available" if self.kind == "debian" else "conf.d"
        return self.root / folder / f"{name}.conf"

    def snapshot(self) -> dict[str, str]:
        """All of the configuration: what each file says, where each link leads."""
        found = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] in ("run", "log", "logs"):
                continue
            if path.is_symlink():
                found[name] = os.readlink(path)
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    # Life

    def httpd(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(words), capture_output=True, text=True, timeout=60, check=False
        )

    def _command(self, words: Sequence[str]) -> list[str]:
        return [self.facts.program, "-d", str(self.root), "-f", str(self.conf), *words]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command(["-DFOREGROUND"]), preexec_fn=procs.die_with_parent
        )
        procs.own(self.process.pid)
        wait.until(self._is_up, "Apache to answer")

    def _is_up(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.error_log
        with contextlib.suppress(OSError, EOFError):
            self.get("localhost")
            return True
        return False

    def reload(self) -> None:
        """Graceful, and until the last child of the old generation has gone."""
        assert self.process is not None
        old = procs.children(self.process.pid)
        assert self.httpd("-k", "graceful").returncode == 0
        wait.until(
            lambda: not [pid for pid in old if procs.alive(pid)],
            "the old generation's children, the supervisor among them, to end",
            timeout=30,
        )

    def stop(self) -> None:
        if self.process is None:
            return
        family = procs.descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        procs.disown(self.process.pid)

        def left() -> list[int]:
            procs.reap()
            return [pid for pid in family if procs.alive(pid)]

        wait.until(lambda: not left(), "all processes to end", timeout=10)

    @property
    def error_log(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.logs / "error.log").read_text(errors="replace")
        return ""

    def get(self, host: str, target: str = "/") -> raw.Response:
        with raw.Connection("127.0.0.1", self.port) as connection:
            return connection.request("GET", target, [("Host", host)])
