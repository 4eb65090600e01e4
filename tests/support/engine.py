"""A Docker engine to build and run images with: the one that runs, else one that the tests start and end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import raw, wait
from .machine import Port

REPO = Path(__file__).parent.parent.parent
SUITE = "bookworm"
OTHER_SUITE = "trixie"  # with another Python
# Not the registry's own names, whose images may be here.
OURS = "mod_pywsgi-test"
# What tests/fresh/run keeps too: a bare root of Debian.
CACHE = Path(os.environ.get("PYWSGI_FRESH_CACHE", "/var/cache/mod_pywsgi-fresh"))
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
NETWORK = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "http_proxy", "https_proxy", "no_proxy")
MIRROR = "http://deb.debian.org/debian"
# As the images of the registry have them: packages neither keep their archives nor wait for the disk.
SMALL_PRINT = """
mkdir -p /etc/dpkg/dpkg.cfg.d
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/docker
echo 'Acquire::Languages "none"; Acquire::GzipIndexes "true";' > /etc/apt/apt.conf.d/docker
echo 'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";' >> /etc/apt/apt.conf.d/docker
echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' >> /etc/apt/apt.conf.d/docker
"""
SETTINGS = """
FROM {debian}
RUN {small_print} true
# This machine's way to PyPI.
COPY . /
ENV {settings}
"""
PYTHON = """
RUN apt-get update -q && apt-get install -q -y --no-install-recommends \\
    python3 python3-venv python3-pip libpython3-dev
"""


class Unavailable(Exception):
    """Why no image can be built or run here."""


@dataclass
class Engine:
    """The client, and the engine where the tests have started it."""

    started: subprocess.Popen[bytes] | None = None

    def run(
        self, *words: str, check: bool = True, timeout: float = 600, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", *words],
            # Without the plugin buildx there is but the classic builder.
            env={**os.environ, "DOCKER_BUILDKIT": "0"},
            capture_output=True,
            input=stdin,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"docker {' '.join(words)}: status {done.returncode}\n"
                f"{done.stdout[-6000:]}{done.stderr[-2000:]}"
            )
        return done

    def says(self, *words: str) -> str:
        return self.run(*words).stdout.strip()

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.says("inspect", name))[0]
        return found

    def has_image(self, name: str) -> bool:
        return self.run("image", "inspect", name, check=False).returncode == 0

    def build(self, tag: str, context: Path, *words: str) -> str:
        self.run("build", "--network=host", "-t", tag, *words, str(context), timeout=1800)
        return tag

    def stop(self) -> None:
        if self.started is not None:
            self.started.terminate()
            self.started.wait(30)


def find() -> Engine:
    """Raises `Unavailable` with the reason."""
    if shutil.which("docker") is None:
        raise Unavailable("there is no docker: install docker.io")
    engine = Engine()
    if _answers(engine):
        return engine
    if os.geteuid() != 0:
        raise Unavailable("no Docker engine runs, and only root can start one")
    if shutil.which("dockerd") is None:
        raise Unavailable("no Docker engine runs, and there is no dockerd: install docker.io")
    return _start()


def _answers(engine: Engine) -> bool:
    return engine.run("version", check=False, timeout=30).returncode == 0


def _start() -> Engine:
    reasons = []
    # The second where this is a container itself.
    for more in ((), ("--iptables=false", "--bridge=none")):
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(["dockerd", *more], stdout=log, stderr=log)
            engine = Engine(process)
            with contextlib.suppress(wait.Late):
                wait.until(lambda: process.poll() is not None or _answers(engine), "dockerd", 30)  # noqa: B023
            driver = engine.run("info", "--format", "{{.Driver}}", check=False).stdout.strip()
            if process.poll() is None and driver:
                if driver != "vfs":
                    return engine
                reason = "it copies whole images here (storage driver vfs), which takes too long"
            else:
                log.seek(0)
                lines = log.read().decode(errors="replace").strip().splitlines()
                reason = lines[-1][:300] if lines else "it says nothing"
            engine.stop()
            reasons.append(reason)
    raise Unavailable(f"dockerd cannot be used here: {reasons[-1]}")


# Base images


def make_debian(engine: Engine, suite: str = SUITE) -> str:
    """What debian:SUITE-slim is, by debootstrap: no registry is needed."""
    name = f"{OURS}/debian:{suite}-slim"
    if engine.has_image(name):
        return name
    root = CACHE / suite
    if not (root / ".complete").exists():
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise Unavailable("base images are made by root and debootstrap")
        shutil.rmtree(root, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", suite, str(root), _mirror()],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"debootstrap failed: {done.stdout[-300:]}{done.stderr[-300:]}")
        (root / ".complete").touch()
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run(
            ["docker", "import", "-", name], stdin=packed.stdout, capture_output=True, check=True
        )
    return name


def _mirror() -> str:
    for source in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        if source.exists():
            for line in source.read_text().splitlines():
                kind, *words = line.split() or [""]
                if kind in ("URIs:", "deb"):
                    for word in words:
                        if word.startswith("http") and "security" not in word:
                            return word
    return MIRROR


def make_bare(engine: Engine, folder: Path) -> str:
    """A newer Debian without Python, with this machine's network settings."""
    debian = make_debian(engine, OTHER_SUITE)
    return _make(engine, folder, f"{OURS}/bare:{OTHER_SUITE}", debian, "")


def make_python(engine: Engine, folder: Path) -> str:
    """What python:3.11-slim is, more or less: Debian with its Python."""
    return _make(engine, folder, f"{OURS}/python:3.11-slim", make_debian(engine), PYTHON)


def _make(engine: Engine, folder: Path, name: str, debian: str, more: str) -> str:
    settings = ["LANG=C.UTF-8"]
    for variable in NETWORK:
        if value := os.environ.get(variable):
            settings.append(f'{variable}="{value}"')
    (folder / "etc").mkdir()
    if CA_BUNDLE.exists():
        shutil.copy(CA_BUNDLE, folder / "etc" / "outer-ca.crt")
        settings.append("PIP_CERT=/etc/outer-ca.crt")
    wanted = ["/etc/pip.conf"]
    if SUITE in debian:
        wanted.append("/etc/apt/sources.list.d/debian.sources")
    for path in wanted:
        if Path(path).exists():
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path[1:])
    lines = " && ".join(SMALL_PRINT.strip().splitlines()) + " &&"
    text = SETTINGS.format(debian=debian, small_print=lines, settings=" ".join(settings)) + more
    (folder / "Dockerfile").write_text(text)
    return engine.build(name, folder)


# Containers


class Container:
    """One that runs in the network of this machine, on a port of its own."""

    def __init__(self, engine: Engine, image: str, words: Sequence[str], more: Sequence[str]):
        self.engine = engine
        port = Port()
        self.port = port.number
        port.release()
        self.name = engine.says(
            *("run", "--detach", "--network=host", "--env", f"PYWSGI_PORT={self.port}"),
            *("--env", "PYWSGI_HOST=127.0.0.1", *more, image, *words),
        )

    # Requests

    def connect(self, timeout: float = 20.0) -> raw.Connection:
        return raw.Connection("127.0.0.1", self.port, timeout)

    def get(self, target: str, timeout: float = 20.0) -> raw.Response:
        with self.connect(timeout) as connection:
            return connection.request("GET", target)

    def status(self, target: str) -> int | None:
        """None where nobody answers."""
        try:
            return self.get(target).status
        except (OSError, EOFError):
            return None

    def await_ready(self) -> Container:
        def is_ready() -> bool:
            assert self.is_running, self.logs()
            return self.status("/-/ready") == 200

        try:
            wait.until(is_ready, "the container to be ready", 60)
        except wait.Late as late:
            raise AssertionError(f"{late}\n{self.logs()}") from None
        return self

    # State

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.engine.inspect(self.name)["State"]
        return state

    @property
    def is_running(self) -> bool:
        return bool(self.state["Running"])

    @property
    def health(self) -> str:
        return str(self.state["Health"]["Status"])

    def logs(self) -> str:
        done = self.engine.run("logs", self.name, check=False)
        return done.stdout + done.stderr

    def python(self, code: str, *, user: str = "0") -> str:
        """What a piece of Python prints inside."""
        return self.engine.says("exec", "--user", user, self.name, "python3", "-c", code)

    # Life

    def stop(self, *words: str) -> float:
        """`docker stop`; how many seconds it took."""
        begun = time.monotonic()
        self.engine.run("stop", *words, self.name)
        return time.monotonic() - begun

    def remove(self) -> None:
        self.engine.run("rm", "--force", "--volumes", self.name, check=False)


def files_for(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Options that put files into /app, for every user to read."""
    folder.chmod(0o755)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    yield "--volume"
    yield f"{folder}:/app:ro"
