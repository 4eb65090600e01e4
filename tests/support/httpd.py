"""A private Apache: own root, own port, own log, nothing of the system's configuration.

`Settings` is what a test wants, `Surroundings` what there is (`support/machine.py`), `HttpdInstance` one
server made of the two.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import resource
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from support import procs, raw, wait
from support.conf import Conf
from support.errorlog import AT_ONCE, FORMAT, ErrorLog
from support.machine import (
    Artifacts,
    Facts,
    HttpdFailed,
    Port,
    group_name,
    make_root,
    output_of,
    remove_tree,
)

# Name of the directive's module -> file; `unixd` and `log_config` are often built in.
BASE_MODULES = (
    "unixd",
    "log_config",
    "authz_core",
    "authz_host",
    "authn_core",
    "mime",
    "dir",
    "alias",
    "env",
    "setenvif",
    "headers",
    "rewrite",
    "deflate",
    "filter",
    "unique_id",
)
START_TRIES = 4


@dataclass(frozen=True)
class Settings:
    """What a test may want of its server. `extra` is configuration with @TOKENS@:

    @PORT@ @ROOT@ @APPS@ @SCRATCH@ @MODULE@ @USER@ @GROUP@, and @PORT2@ for a second port.
    `files` are written below the root first, by name; `prepare` runs after that. `inherit` are
    descriptors that Apache gets from whoever starts it, `words` its arguments.
    """

    mpm: str = "event"
    children: int = 1
    threads: int = 16
    modules: tuple[str, ...] = ()
    extra: str = ""
    load: bool = True
    symbol: str = "wsgi_module"
    env: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[int, ...] = ()
    prepare: Callable[[HttpdInstance], object] | None = None
    log_level: str = "info"
    words: tuple[str, ...] = ("-DFOREGROUND",)


@dataclass
class Surroundings:
    """What all instances of a run share."""

    facts: Facts
    artifacts: Artifacts | None
    apps: Path
    asan: bool = False
    keep: bool = False
    python_home: str | None = None
    directives: tuple[str, ...] = ()
    home: Path | None = None


@dataclass(frozen=True)
class Baseline:
    """The processes and descriptors of a server at rest."""

    programs: tuple[str, ...]
    fds: dict[int, tuple[int, int]]


# What a process may hold more than when it was first seen at rest. Sockets: pooled channels and
# kept-alive connections. Others: what a process makes on its first request and keeps.
SOCKET_SLACK = 64
OTHER_SLACK = 4


@dataclass
class HttpdInstance:
    """One server. `start` and `stop` it, or use it as a context manager."""

    around: Surroundings
    settings: Settings = field(default_factory=Settings)
    root: Path = field(default_factory=make_root)

    def __post_init__(self) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.port2 = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.log = ErrorLog(self.root / "error_log")
        self.spoiled = False
        self._more_logs: dict[str, ErrorLog] = {}
        self._baseline: Baseline | None = None
        self._first_fds: dict[int, tuple[int, int]] = {}
        self._new_processes_allowed = False
        self._others: frozenset[int] = frozenset()
        for name, mode in (("run", 0o755), ("htdocs", 0o755), ("scratch", 0o1777)):
            (self.root / name).mkdir(exist_ok=True)
            (self.root / name).chmod(mode)
        (self.root / "mime.types").touch()
        (self.root / "htdocs" / "alive").write_text("alive\n")
        (self.root / "htdocs" / "alive").chmod(0o644)

    # Files

    @property
    def conf_file(self) -> Path:
        return self.root / "httpd.conf"

    @property
    def scratch(self) -> Path:
        """Where applications may write."""
        return self.root / "scratch"

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server has not been started"
        return self.process.pid

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        """A file below the root that the web user can read; nobody sees a part of it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(mode)
        return unfinished.replace(path)

    def fill(self, text: str) -> str:
        """`text` with the @TOKENS@ of `Settings` filled in."""
        facts, artifacts = self.around.facts, self.around.artifacts
        tokens = {
            "PORT": self.port,
            "PORT2": self.port2,
            "ROOT": self.root,
            "APPS": self.around.apps,
            "SCRATCH": self.scratch,
            "MODULE": artifacts.module if artifacts else "",
            "LIBEXEC": artifacts.folder if artifacts else "",
            "USER": facts.user or pwd.getpwuid(os.geteuid()).pw_name,
            "GROUP": facts.group or group_name(os.getegid()),
        }
        return re.sub(r"@([A-Z0-9]+)@", lambda m: str(tokens.get(m[1], m[0])), text)

    def render(self) -> str:
        facts, want = self.around.facts, self.settings
        conf = Conf()
        conf.add("ServerRoot", self.root)
        conf.add("DefaultRuntimeDir", self.root / "run")
        conf.add("PidFile", self.root / "run" / "httpd.pid")
        conf.add("ServerName", "localhost")
        conf.add("Listen", f"{self.host}:{self.port}")
        for name in (f"mpm_{want.mpm}", *BASE_MODULES, *want.modules):
            if name not in facts.built_in:
                conf.add("LoadModule", f"{name}_module", facts.modules / f"mod_{name}.so")
        if facts.user:
            conf.add("User", facts.user)
            conf.add("Group", facts.group)
        conf.raw(_sizing(want))
        conf.add("ErrorLog", self.root / "error_log")
        conf.add("ErrorLogFormat", FORMAT)
        conf.add("LogLevel", *want.log_level.split())
        conf.add("CustomLog", self.root / "access_log", '%h "%r" %>s %B %X %L')
        conf.add("TraceEnable", "Off")
        conf.add("Timeout", 30)
        conf.add("KeepAliveTimeout", 10)
        conf.add("DocumentRoot", self.root / "htdocs")
        with conf.section("Directory", "/"):
            conf.add("AllowOverride", "None")
            conf.add("Options", "FollowSymLinks")
            conf.add("Require", "all", "granted")
        if want.load:
            if self.around.artifacts is None:
                raise HttpdFailed("mod_pywsgi.so is not built: ./dev build")
            conf.add("LoadModule", want.symbol, self.around.artifacts.module)
            if self.around.python_home:
                conf.add("WSGIPythonHome", self.around.python_home)
            conf.raw("\n".join(self.around.directives))
        conf.raw(self.fill(want.extra))
        return conf.text()

    # Life

    def _environment(self) -> dict[str, str]:
        """What init scripts give to Apache: little, and no UTF-8 locale."""
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
        env["HOME"] = os.environ.get("HOME", "/")
        if self.around.asan:
            env.update(_asan_environment(self.root))
        env.update(dict(self.settings.env))
        return env

    def _command(self, *words: str) -> list[str]:
        return [self.around.facts.program, "-d", str(self.root), "-f", str(self.conf_file), *words]

    def _prepare(self) -> list[Port]:
        """Choose ports and write the configuration; the ports stay taken till released."""
        ports = [Port(), Port()]
        self.port, self.port2 = ports[0].number, ports[1].number
        for name, text in self.settings.files.items():
            self.write(name, self.fill(text))
        if self.settings.prepare:
            self.settings.prepare(self)
        self.conf_file.write_text(self.render(), encoding="utf-8")
        return ports

    def configtest(self, option: str = "-t", as_user: str | None = None) -> tuple[int, str]:
        """Exit status and words of `httpd -t`, or of another option that starts no server.

        By that user where root runs the tests. An error if it crashed or a sanitizer spoke.
        """
        for port in self._prepare():
            port.release()
        account = pwd.getpwnam(as_user) if as_user else None
        done = subprocess.run(
            self._command(option),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            errors="backslashreplace",
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        words = done.stdout + done.stderr
        problems = self._check_sanitizer()
        if done.returncode < 0:
            problems.append(f"it ended by signal {-done.returncode}")
        if problems:
            raise HttpdFailed("\n".join([*problems, words]))
        return done.returncode, words

    def start(self) -> HttpdInstance:
        for _ in range(START_TRIES):
            ports = self._prepare()
            for port in ports:
                port.release()
            if self._launch():
                break
        else:
            raise HttpdFailed(f"no free port in {START_TRIES} tries")
        return self

    def _launch(self) -> bool:
        """Start the program; False when another process took the port just then."""
        self._others = frozenset(procs.orphans())
        with (self.root / "output").open("wb") as output:
            self.process = subprocess.Popen(
                self._command(*self.settings.words),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                pass_fds=self.settings.inherit,
                preexec_fn=_before_exec,
            )
        procs.own(self.process.pid)
        try:
            wait.until(self._is_up, "Apache to accept connections", timeout=20)
        except (wait.Late, HttpdFailed) as error:
            self.kill()
            if "Address already in use" in self.output():
                return False
            raise HttpdFailed(f"{error}\n{self.story()}") from None
        return True

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise HttpdFailed(f"Apache ended with status {self.process.returncode}")
        try:
            with raw.Connection(self.host, self.port, timeout=5) as connection:
                return connection.request("GET", "/alive").status in (200, 404, 403, 500)
        except (ConnectionError, EOFError, TimeoutError):
            return False

    def output(self) -> str:
        """What the program wrote to its terminal."""
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "output").read_text(encoding="utf-8", errors="replace")
        return ""

    def story(self, lines: int = 40) -> str:
        """Output and end of the log, for a failure's message."""
        parts = [f"--- output ---\n{self.output()}"]
        for name, log in self.logs():
            tail = "\n".join(line.raw for line in log.read()[-lines:])
            parts.append(f"--- {name} ---\n{tail}")
        return "\n".join(parts)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def graceful(self, timeout: float = 15.0) -> None:
        """SIGUSR1, and wait until the new generation has been started."""
        self._turn_over(signal.SIGUSR1, timeout)

    def restart(self, timeout: float = 15.0) -> None:
        """SIGHUP, and wait until the server answers again."""
        self.log.allow(AT_ONCE)
        self._turn_over(signal.SIGHUP, timeout)
        wait.until(self._is_up, "Apache to answer after a restart", timeout)

    def _turn_over(self, number: int, timeout: float) -> None:
        resumed = "resuming normal operations"
        before = sum(resumed in line.text for line in self.log.read())
        self.signal(number)
        self._new_processes_allowed = True

        def has_resumed() -> bool:
            return sum(resumed in line.text for line in self.log.read()) > before

        wait.until(has_resumed, "Apache to resume operations", timeout)

    def stop(self, timeout: float = 15.0) -> list[int]:
        """SIGTERM; returns those of its processes that outlived it (and then ends them)."""
        if self.process is None or self.process.poll() is not None:
            # Those that were there before are other programs', such as an engine of containers.
            return self._sweep(set(procs.orphans()) - self._others, 3.0)
        family = procs.descendants(self.pid)
        self.log.allow(AT_ONCE)
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._sweep(family, 3.0)
            raise HttpdFailed(f"Apache did not stop within {timeout:g} s\n{self.story()}") from None
        finally:
            procs.disown(self.process.pid)
        return self._sweep(family, 3.0)

    def kill(self) -> list[int]:
        """SIGKILL to the parent alone; returns those of its processes that outlived it."""
        if self.process is None or self.process.poll() is not None:
            return []
        family = procs.descendants(self.pid)
        self.process.kill()
        self.process.wait()
        procs.disown(self.process.pid)
        return self._sweep(family, 5.0)

    @staticmethod
    def _sweep(family: Iterable[int], timeout: float) -> list[int]:
        """Wait for processes to end by themselves; end and return those that do not."""

        def rest() -> list[int]:
            procs.reap()
            return [pid for pid in family if procs.alive(pid)]

        with contextlib.suppress(wait.Late):
            wait.until(lambda: not rest(), "the server's processes to end", timeout)
        left = rest()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def remove(self) -> None:
        if not self.around.keep:
            remove_tree(self.root)

    def __enter__(self) -> HttpdInstance:
        return self.start()

    def __exit__(self, *_: object) -> None:
        left = self.stop()
        assert not left, f"processes outlived the server: {left}"

    # Requests

    def connect(self, timeout: float = 20.0, *, port: int | None = None) -> raw.Connection:
        return raw.Connection(self.host, port or self.port, timeout)

    def request(
        self,
        method: str,
        target: str,
        headers: raw.Headers = (),
        body: bytes | Iterable[bytes] | None = None,
        *,
        timeout: float = 20.0,
        port: int | None = None,
    ) -> raw.Response:
        """One request on a connection of its own."""
        with self.connect(timeout, port=port) as connection:
            return connection.request(method, target, headers, body)

    def get(self, target: str, headers: raw.Headers = (), **more: float) -> raw.Response:
        return self.request("GET", target, headers, timeout=more.get("timeout", 20.0))

    def post(
        self, target: str, body: bytes | Iterable[bytes], headers: raw.Headers = ()
    ) -> raw.Response:
        return self.request("POST", target, headers, body)

    def url(self, target: str) -> str:
        return f"http://{self.host}:{self.port}{target}"

    # Processes

    def descendants(self) -> list[int]:
        return procs.descendants(self.pid)

    def daemons(self) -> list[int]:
        """Processes that run an interpreter for a group."""
        return [pid for pid in self.descendants() if procs.program(pid) == "pywsgi-daemon"]

    def children(self) -> list[int]:
        """Processes of Apache itself below the parent, the supervisor among them."""
        name = procs.program(self.pid)
        return [pid for pid in self.descendants() if procs.program(pid) == name]

    def _look(self) -> Baseline:
        family = self.descendants()
        return Baseline(
            programs=tuple(sorted(procs.program(pid) for pid in family)),
            fds={pid: procs.fd_counts(pid) for pid in [self.pid, *family]},
        )

    # Checks around each test

    def extra_log(self, name: str) -> ErrorLog:
        """The error log of a virtual host, held to the same rule."""
        if name not in self._more_logs:
            self._more_logs[name] = ErrorLog(self.root / name)
        return self._more_logs[name]

    def logs(self) -> Iterator[tuple[str, ErrorLog]]:
        yield "error_log", self.log
        yield from self._more_logs.items()

    def expect_new_processes(self) -> None:
        """The test replaces processes: only their number and kind must be as before."""
        self._new_processes_allowed = True

    def begin_test(self) -> None:
        for _, log in self.logs():
            log.mark()
        self._new_processes_allowed = False
        self._baseline = self._look()
        for pid, counts in self._baseline.fds.items():
            self._first_fds.setdefault(pid, counts)

    def end_test(self) -> list[str]:
        """What is wrong with the server after a test; nothing, if the list is empty."""
        if self.process is None:
            return []
        problems = []
        if self.process.poll() is None:
            problems += self._check_answer()
            problems += self._check_processes()
        problems += self._check_logs()
        problems += self._check_sanitizer()
        return problems

    def _check_logs(self) -> list[str]:
        found = []
        for name, log in self.logs():
            found += [f"unclaimed in {name}: {line.raw}" for line in log.surprises()]
        return found

    def _check_sanitizer(self) -> list[str]:
        found = [line.raw for _, log in self.logs() for line in log.sanitizer_reports()]
        for path in self.scratch.glob("sanitizer.*"):
            found.append(path.read_text(errors="replace"))
            path.unlink()
        return [f"sanitizer report: {text}" for text in found]

    def _check_answer(self) -> list[str]:
        try:
            status = self.get("/alive", timeout=10).status
        except (OSError, EOFError) as error:
            return [f"the server no longer answers: {error!r}"]
        return [] if status == 200 else [f"the server answers {status} to /alive"]

    def _check_processes(self) -> list[str]:
        before = self._baseline
        if before is None:
            return []
        found: list[str] = []

        def is_back() -> bool:
            nonlocal found
            found = self._differences(before, self._look())
            return not found

        with contextlib.suppress(wait.Late):
            wait.until(is_back, "processes and descriptors to return to their baseline", 5)
        return found

    def _differences(self, before: Baseline, now: Baseline) -> list[str]:
        found = []
        if before.programs != now.programs:
            found.append(f"processes were {before.programs} and are {now.programs}")
        if not self._new_processes_allowed and set(before.fds) != set(now.fds):
            found.append(f"pids were {sorted(before.fds)} and are {sorted(now.fds)}")
        for pid in before.fds.keys() & now.fds.keys():
            sockets, others = self._first_fds[pid]
            sockets_now, others_now = now.fds[pid]
            if others_now > others + OTHER_SLACK or sockets_now > sockets + SOCKET_SLACK:
                found.append(
                    f"{procs.program(pid)} {pid} had {sockets} sockets and {others} other "
                    f"descriptors and has {sockets_now} and {others_now}: {procs.fds(pid)}"
                )
        return found


def with_extra(settings: Settings, extra: str) -> Settings:
    return replace(settings, extra=f"{settings.extra}\n{extra}")


def _before_exec() -> None:
    procs.die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _sizing(want: Settings) -> str:
    if want.mpm == "prefork":
        count = max(want.children, 8)
        return (
            f"StartServers {count}\nMinSpareServers 1\nMaxSpareServers {count}\n"
            f"ServerLimit {2 * count}\nMaxRequestWorkers {2 * count}\nMaxConnectionsPerChild 0"
        )
    total = want.children * want.threads
    return (
        f"StartServers {want.children}\nServerLimit {max(want.children, 2)}\n"
        f"ThreadLimit {want.threads}\nThreadsPerChild {want.threads}\n"
        f"MaxRequestWorkers {total}\nMinSpareThreads {1}\nMaxSpareThreads {total}\n"
        f"MaxConnectionsPerChild 0"
    )


def _asan_environment(root: Path) -> Mapping[str, str]:
    """Preload the runtimes: Apache itself is not instrumented and need not be."""
    libraries = [output_of(["gcc", f"-print-file-name={name}"]).strip() for name in _RUNTIMES]
    return {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": f"detect_leaks=0:use_sigaltstack=0:log_path={root}/scratch/sanitizer",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={root}/scratch/sanitizer",
        "PYTHONMALLOC": "malloc",
    }


_RUNTIMES = ("libasan.so", "libubsan.so")
