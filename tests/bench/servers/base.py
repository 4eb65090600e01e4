"""A server under measurement: programs in the foreground, one port, one application."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench import meter
from bench.scenarios import Scenario
from support import machine, procs, wait

START_SECONDS = 20
STOP_SECONDS = 10


class ServerFailed(Exception):
    """The server did not start or answered wrongly; the message says how."""


@dataclass(frozen=True)
class Around:
    """What all servers of a run share."""

    facts: machine.Facts | None  # the Apache of this machine
    build: Path  # where mod_pywsgi.so and its programs are, readable by the web user
    home: Path  # the environment that has the peers and the applications' packages
    apps: Path  # the applications, readable by the web user
    user: str | None  # whom to serve as, when started as root
    group: str | None
    children: int = 2  # of every Apache; one alone can hold 256 busy connections
    child_threads: int = 256
    child_factor: int = 0  # AsyncRequestWorkerFactor; 0: Apache's own, as with the next one
    backlog: int = 0


class Server:
    """One server; `missing` says why it cannot be had here, then start, use and stop it."""

    name: ClassVar[str]
    title: ClassVar[str]
    yardstick: ClassVar[str] = "mod_wsgi-daemon"  # ratios are taken against this server
    is_ours: ClassVar[bool] = False
    has_threads: ClassVar[bool] = True  # False: threads= means nothing to it
    is_optional: ClassVar[bool] = False  # measured only when asked for by name

    @classmethod
    def missing(cls, around: Around) -> str:
        """Why this server cannot be had on this machine; empty when it can."""
        raise NotImplementedError

    @classmethod
    def serves(cls, scenario: Scenario) -> bool:
        """Whether the scenario means anything to this server."""
        return scenario.processes == 1

    def __init__(self, around: Around, scenario: Scenario, threads: int) -> None:
        self.around = around
        self.scenario = scenario
        self.threads = threads
        self.root = machine.make_root(f"bench-{self.name}-")
        self.port = 0
        self._running: list[subprocess.Popen[bytes]] = []

    # What a server tells about itself

    def commands(self) -> list[list[str]]:
        """Write the configuration and return the programs to start, in order."""
        raise NotImplementedError

    @property
    def path(self) -> str:
        return self.scenario.path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def app_file(self) -> Path:
        return self.around.apps / f"{self.scenario.app}.py"

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return path

    # Life

    def start(self) -> None:
        """Start it and see one right answer; raises ServerFailed, and then it is stopped."""
        port = machine.Port()
        self.port = port.number
        commands = self.commands()
        port.release()
        try:
            for number, words in enumerate(commands):
                self._launch(words, number)
            wait.until(self._answers, f"{self.name} to answer", START_SECONDS)
            self.check()
        except (wait.Late, OSError, http.client.HTTPException, ServerFailed) as error:
            story = self._story()
            self.stop()
            raise ServerFailed(f"{error}{story}") from None

    def _launch(self, words: list[str], number: int) -> None:
        with (self.root / f"output.{number}").open("wb") as output:
            self._running.append(
                subprocess.Popen(
                    words,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=procs.die_with_parent,
                )
            )

    def _environment(self) -> dict[str, str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "LANG": "C.UTF-8", "PYTHONPATH": str(self.around.apps)}

    def _answers(self) -> bool:
        self.check_alive()
        try:
            return self.ask()[0] not in (502, 503)
        except (OSError, http.client.HTTPException):
            return False

    def check_alive(self) -> None:
        for process in self._running:
            if process.poll() is not None:
                raise ServerFailed(f"{process.args!r} ended with status {process.returncode}")

    def check(self) -> None:
        """Raise ServerFailed unless a request is answered rightly."""
        wrong = self.scenario.wrong(*self.ask())
        if wrong:
            raise ServerFailed(f"wrong answer: {wrong}")

    def ask(self, path: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = b"x" * self.scenario.upload if self.scenario.upload else None
            connection.request(self.scenario.method, path or self.path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def pid(self) -> int:
        """Of the first program."""
        return self._running[0].pid

    def processes(self) -> list[int]:
        return meter.family(process.pid for process in self._running)

    def stop(self) -> None:
        """End all of its processes, kindly first."""
        members = self.processes()
        for process in self._running:
            process.terminate()
        with contextlib.suppress(wait.Late):
            wait.until(lambda: self._is_over(members), f"{self.name} to end", STOP_SECONDS)
        for pid in members:
            if procs.alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in self._running:
            process.wait()
        self._running.clear()
        machine.remove_tree(self.root)

    def _is_over(self, members: list[int]) -> bool:
        for process in self._running:
            process.poll()
        return not any(procs.alive(pid) for pid in members)

    def _story(self) -> str:
        """The last lines of its logs."""
        lines = []
        for path in sorted([*self.root.glob("output.*"), *self.root.glob("*log")]):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            lines += [f"\n    {path.name}: {line}" for line in text.splitlines()[-8:]]
        return "".join(lines)
