"""A server that mod-pywsgi-express starts, as a user starts it: a command, and what it prints."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import pwd
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from support import machine, procs, raw, wait
from support.machine import Artifacts, Port

REPO = Path(__file__).parent.parent.parent
NOBODY = "nobody"

Served = TypeVar("Served", bound="Express")


def environment(artifacts: Artifacts | None, more: Mapping[str, str]) -> dict[str, str]:
    """Little, and where the artifacts of this run are."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if artifacts is not None:
        env["PYWSGI_LIBEXEC"] = str(artifacts.folder)
    return {**env, **more}


def become(user: str | None) -> list[str]:
    """Words that run a command as another user; none for ourselves."""
    if user is None or os.geteuid() != 0:
        return []
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


class Express:
    """`start` runs it in the foreground, `run` waits for it to end by itself."""

    def __init__(
        self,
        site: Path,
        artifacts: Artifacts | None,
        program: Sequence[str] = (sys.executable, "-m", "mod_pywsgi"),
    ) -> None:
        self.program = program
        self.site = site
        self.root = site.parent / "root"
        self.artifacts = artifacts
        self.port = 0
        self.output = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.terminal: int | None = None
        self._reader: threading.Thread | None = None

    # Files

    def write(self, name: str, text: str) -> Path:
        """A file of the application, readable by everybody."""
        path = self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return path

    @property
    def error_log(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "error_log").read_text(encoding="utf-8", errors="replace")
        return ""

    # Commands

    def command(self, *words: str, user: str | None = None) -> list[str]:
        return [*become(user), *self.program, *words]

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that ends by itself."""
        return subprocess.run(
            self.command(*words, user=user),
            cwd=self.site,
            env=environment(self.artifacts, env or {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def refused(self, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
        """start-server that must not start; a free port is chosen unless one is given."""
        port = Port()
        port.release()
        where = [] if "--port" in words else ["--port", str(port.number)]
        root = ["--server-root", str(self.root)]
        return self.run("start-server", *words, *where, *root, **more)  # type: ignore[arg-type]

    def control(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The generated apachectl."""
        return subprocess.run(
            [str(self.root / "apachectl"), *words],
            env=environment(None, {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # Life

    def start(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        terminal: bool = False,
        wait_for: str = "/",
        port: int | None = None,
        shows: str = "",
    ) -> Express:
        """start-server in the foreground, until it accepts connections, or until a word is shown.

        :param port: one that the caller has released; None: a free one is chosen.
        """
        chosen = Port()
        self.port = port or chosen.number
        where = ["--port", str(self.port), "--server-root", str(self.root), "--host", "127.0.0.1"]
        command = self.command("start-server", *words, *where, user=user)
        chosen.release()
        streams, ours = self._streams(terminal)
        self.process = subprocess.Popen(
            command,
            cwd=self.site,
            env=environment(self.artifacts, env or {}),
            stdin=streams if terminal else subprocess.DEVNULL,
            stdout=streams,
            stderr=streams,
            start_new_session=True,
            preexec_fn=_in_terminal if terminal else procs.die_with_parent,
        )
        procs.own(self.process.pid)
        os.close(streams)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()
        try:
            if shows:
                expect(self, shows, timeout=30)
            else:
                wait.until(lambda: self._is_up(wait_for), "the server to answer", timeout=30)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.story()}") from None
        return self

    def _streams(self, terminal: bool) -> tuple[int, int]:
        """What the command writes to, and what we read from."""
        if terminal:
            ours, streams = pty.openpty()
            self.terminal = ours
        else:
            ours, streams = os.pipe()
        return streams, ours

    def _read(self, descriptor: int) -> None:
        """Collect the output until every writer has gone."""
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, 65536):
                self.output += data.decode(errors="replace").replace("\r\n", "\n")
        os.close(descriptor)

    def _is_up(self, target: str) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with status {self.process.returncode}")
        with contextlib.suppress(OSError, EOFError):
            self.get(target, timeout=20)
            return True
        return False

    def type(self, text: str) -> None:
        """Type on the terminal."""
        assert self.terminal is not None
        os.write(self.terminal, text.encode())

    def wait(self, timeout: float = 20) -> int:
        """The exit code."""
        assert self.process is not None
        code = self.process.wait(timeout)
        procs.disown(self.process.pid)
        if self._reader is not None:
            self._reader.join(5)
        return code

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code. All of its processes have ended after this."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        family = procs.descendants(self.process.pid)
        self.process.send_signal(number)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not stop\n{self.story()}") from None
        self._require_gone(family)
        return code

    @staticmethod
    def _require_gone(family: Iterable[int]) -> None:
        def rest() -> list[int]:
            procs.reap()
            return [pid for pid in family if procs.alive(pid)]

        wait.until(lambda: not rest(), "all processes to end", timeout=10)

    # Requests

    def connect(self, timeout: float = 20.0) -> raw.Connection:
        return raw.Connection("127.0.0.1", self.port, timeout)

    def get(
        self, target: str = "/", headers: raw.Headers = (), timeout: float = 20
    ) -> raw.Response:
        with raw.Connection("127.0.0.1", self.port, timeout) as connection:
            return connection.request("GET", target, headers)

    def post(self, target: str, body: bytes) -> raw.Response:
        with raw.Connection("127.0.0.1", self.port, 20) as connection:
            return connection.request("POST", target, (), body)

    # Processes

    def family(self) -> list[int]:
        assert self.process is not None
        return [self.process.pid, *procs.descendants(self.process.pid)]

    def daemons(self) -> list[int]:
        return [pid for pid in self.family() if procs.program(pid) == "pywsgi-daemon"]

    def story(self) -> str:
        return f"--- output ---\n{self.output}--- error_log ---\n{self.error_log[-4000:]}"

    def shown(self, label: str) -> str:
        """A value of the summary."""
        found = re.search(rf"^{label} +: (.*)$", self.output, re.M)
        assert found, f"no {label} in\n{self.output}"
        return found[1]


def _in_terminal() -> None:
    """In the child: its standard input is the terminal that Ctrl-C comes from."""
    procs.die_with_parent()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def site_of(kind: type[Served], artifacts: Artifacts | None) -> Iterator[Served]:
    """A directory for an application, and the command to serve it; both are gone at the end."""
    assert artifacts, "nothing is built: ./dev build"
    home = machine.make_root("pywsgi-express-")
    site = home / "site"
    site.mkdir(mode=0o755)
    site.chmod(0o755)
    server = kind(site, artifacts)
    yield server
    server.stop()
    machine.remove_tree(home)


def expect(express: Express, word: str, timeout: float = 10) -> None:
    """Wait until a word has been printed."""
    wait.until(lambda: word in express.output, f"{word!r} in the output", timeout)
