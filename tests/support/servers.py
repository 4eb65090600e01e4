"""All servers of a test run: shared ones, one per mode, and private ones, one per test."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support import apps, machine, procs, wait
from support.httpd import HttpdInstance, Settings, Surroundings

MODES = ("embedded", "daemon", "daemon_multi")
GROUP = "web"
THREADS = 5

# How a mode is configured; `{}` takes further options of the daemon group.
ROUTING = {
    "embedded": "WSGIProcessGroup %{{GLOBAL}}",
    "daemon": f"WSGIDaemonProcess {GROUP} threads={THREADS} {{}}\nWSGIProcessGroup {GROUP}",
    "daemon_multi": (
        f"WSGIDaemonProcess {GROUP} processes=2 threads={THREADS} {{}}\nWSGIProcessGroup {GROUP}"
    ),
}


def routing(mode: str, options: str = "", group: str = "%{GLOBAL}") -> str:
    """Directives that make `mode`, all applications in interpreter `group`."""
    return f"{ROUTING[mode].format(options)}\nWSGIApplicationGroup {group}\n"


def mounts() -> str:
    """Every application of tests/apps under its name, and the configuration that it brings."""
    lines = [f"WSGIScriptAlias /{name} @APPS@/{name}/wsgi.py" for name in apps.names()]
    lines += [f"Include {path}" for path in apps.extras()]
    return "\n".join([*lines, "SetEnv test.scratch @SCRATCH@\n"])


class Servers:
    """Starts servers, keeps them, and checks them after each test."""

    def __init__(self, around: Surroundings, mpm: str) -> None:
        self.around = around
        self.mpm = mpm
        self._shared: dict[str, HttpdInstance] = {}
        self._private: dict[str, HttpdInstance] = {}
        self._used: set[str] = set()

    def shared(self, mode: str, mpm: str | None = None, options: str = "") -> HttpdInstance:
        """The server of this mode, started on first use and again after a test spoiled it."""
        mpm = mpm or self.mpm
        settings = Settings(
            mpm=mpm,
            modules=("http2",) if mpm != "prefork" else (),
            extra=routing(mode, options)
            + mounts()
            + ("Protocols h2c http/1.1\n" * (mpm != "prefork")),
        )
        return self.kept(f"{mode}/{mpm} {options}".strip(), settings, "/hello")

    def kept(
        self, key: str, settings: Settings, warm_up: str | Callable[[HttpdInstance], object]
    ) -> HttpdInstance:
        """The server of this name: for several tests, started as `shared` says; each leaves it as it was.

        `warm_up` is a path to ask for, or asks by itself.
        """
        instance = self._shared.get(key)
        if instance and (instance.spoiled or not procs.alive(instance.pid)):
            instance.stop()
            instance.remove()
            instance = None
        if instance is None:
            instance = self._shared[key] = HttpdInstance(self.around, settings).start()
            _warm_up(instance, warm_up)
            _await_daemons(instance)
        if key not in self._used:
            instance.begin_test()
            self._used.add(key)
        return instance

    def private(
        self, extra: str = "", *, mode: str | None = None, options: str = "", **settings: Any
    ) -> HttpdInstance:
        """A server for this test alone. With `mode` it has that mode's routing and all mounts."""
        instance = self._make(extra, mode, options, settings)
        self._private[f"private {len(self._private) + 1}"] = instance
        instance.start()
        return instance

    def configtest(
        self, extra: str, *, option: str = "-t", as_user: str | None = None, **settings: Any
    ) -> tuple[int, str]:
        instance = self._make(extra, None, "", settings)
        try:
            return instance.configtest(option, as_user)
        finally:
            instance.remove()

    def _make(
        self, extra: str, mode: str | None, options: str, settings: dict[str, Any]
    ) -> HttpdInstance:
        if mode:
            extra = routing(mode, options) + mounts() + extra
        want = replace(Settings(mpm=self.mpm, extra=extra), **settings)
        return HttpdInstance(self.around, want)

    def in_use(self) -> list[tuple[str, HttpdInstance]]:
        return [*((key, self._shared[key]) for key in self._used), *self._private.items()]

    def end_test(self) -> list[str]:
        """Check every server that the test used, and stop the private ones."""
        problems = []
        for name, instance in self.in_use():
            found = instance.end_test()
            instance.spoiled = bool(found)
            problems += [f"{name}: {each}" for each in found]
        for name, instance in self._private.items():
            problems += [f"{name}: {each}" for each in _end(instance)]
        self._used.clear()
        self._private.clear()
        procs.reap()
        return problems

    def close(self) -> list[int]:
        """Stop the shared servers; returns what outlived them."""
        left = []
        for instance in self._shared.values():
            left += instance.stop()
            instance.remove()
        return left


def _end(instance: HttpdInstance) -> list[str]:
    try:
        left = [(pid, procs.command(pid)) for pid in instance.stop()]
    except machine.HttpdFailed as error:
        return [str(error)]
    problems = [f"processes outlived the server: {left}"] if left else []
    if not problems:
        instance.remove()
    return problems


def _await_daemons(instance: HttpdInstance) -> None:
    """Let the processes of all groups start: they are part of the baseline.

    Those of other programs than ours are not known from any others.
    """
    found = re.findall(r"^WSGIDaemonProcess .*", instance.settings.extra, re.MULTILINE)
    lines = [line for line in found if "daemon-program=" not in line]
    sizes = [re.search(r"processes=(\d+)", line) for line in lines]
    wanted = sum(int(size[1]) if size else 1 for size in sizes)
    wait.until(lambda: len(instance.daemons()) >= wanted, f"{wanted} daemon processes")


def _warm_up(instance: HttpdInstance, target: str | Callable[[HttpdInstance], object]) -> None:
    """Let what happens only once happen before the baseline is taken."""
    if not isinstance(target, str):
        target(instance)
        return
    for _ in range(8):
        instance.get(target)
