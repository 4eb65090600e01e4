"""The Apache that all Apache-based servers share: one configuration, so that only the module differs."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from bench.scenarios import Scenario
from bench.servers.base import Around, Server
from support.conf import Conf


class Apache(Server):
    """A private Apache, with what `configure` adds."""

    modules: ClassVar[tuple[str, ...]] = ("mpm_event", "unixd", "authz_core", "alias")

    @classmethod
    def missing(cls, around: Around) -> str:
        return "" if around.facts else "no Apache program found"

    def configure(self, conf: Conf) -> None:
        """Add what makes this server this server."""
        raise NotImplementedError

    def commands(self) -> list[list[str]]:
        facts, around = self.around.facts, self.around
        assert facts is not None
        (self.root / "run").mkdir(mode=0o755)
        conf = Conf()
        conf.add("ServerRoot", self.root)
        conf.add("DefaultRuntimeDir", self.root / "run")
        conf.add("PidFile", self.root / "run" / "httpd.pid")
        conf.add("ServerName", "localhost")
        conf.add("Listen", f"127.0.0.1:{self.port}")
        for name in self.modules:
            if name not in facts.built_in:
                conf.add("LoadModule", f"{name}_module", facts.modules / f"mod_{name}.so")
        if around.user:
            conf.add("User", around.user)
            conf.add("Group", around.group)
        self._size(conf)
        conf.add("ErrorLog", self.root / "error_log")
        conf.add("LogLevel", "warn")
        conf.add("KeepAlive", "On")
        conf.add("MaxKeepAliveRequests", 0)
        conf.add("KeepAliveTimeout", 30)
        conf.add("Timeout", 60)
        conf.add("DocumentRoot", around.apps)
        with conf.section("Directory", "/"):
            conf.add("AllowOverride", "None")
            conf.add("Options", "FollowSymLinks")
            conf.add("Require", "all", "granted")
        self.configure(conf)
        file = self.write("httpd.conf", conf.text())
        return [[facts.program, "-d", str(self.root), "-f", str(file), "-DFOREGROUND"]]

    def _size(self, conf: Conf) -> None:
        """As many processes at the start as ever: none comes or goes while it is measured."""
        children, threads = self.around.children, self.around.child_threads
        conf.add("StartServers", children)
        conf.add("ServerLimit", children)
        conf.add("ThreadLimit", threads)
        conf.add("ThreadsPerChild", threads)
        conf.add("MaxRequestWorkers", children * threads)
        conf.add("MinSpareThreads", 1)
        conf.add("MaxSpareThreads", children * threads)
        if self.around.child_factor:
            conf.add("AsyncRequestWorkerFactor", self.around.child_factor)
        if self.around.backlog:
            conf.add("ListenBacklog", self.around.backlog)


class Wsgi(Apache):
    """A module with mod_wsgi's directives: the text is the same for theirs and ours."""

    is_daemon = True
    process_count: ClassVar[int] = 1
    options: ClassVar[tuple[str, ...]] = ()  # of the process group, further ones

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        return scenario.processes == cls.process_count

    @classmethod
    def module(cls, around: Around) -> Path | None:
        """The file to load."""
        raise NotImplementedError

    def configure(self, conf: Conf) -> None:
        home = self.around.home
        conf.add("LoadModule", "wsgi_module", self.module(self.around))
        if self.is_daemon:
            conf.add("WSGISocketPrefix", self.root / "run" / "wsgi")
            options = (f"threads={self.threads}", f"python-home={home}", *self.options)
            conf.add("WSGIDaemonProcess", "bench", f"processes={self.process_count}", *options)
            conf.add("WSGIProcessGroup", "bench")
            conf.add("WSGIRestrictEmbedded", "On")
        else:
            conf.add("WSGIPythonHome", home)
        conf.add("WSGIApplicationGroup", "%{GLOBAL}")
        conf.add("WSGIScriptAlias", "/", self.app_file)
