"""pywsgi-daemon on its own, without any Apache: the test plays the supervisor and the child."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import machine, wait
from support.daemon import Daemon
from support.errorlog import SANITIZER
from support.zygote import Zygote

REPO = Path(__file__).parent.parent.parent

HELLO = """
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello World!']
"""


@pytest.fixture(scope="session")
def program(pytestconfig: pytest.Config) -> Iterator[Path]:
    """The daemon program, where every user may execute it. PYWSGI_DAEMON names another one."""
    variant = "asan" if pytestconfig.getoption("--asan") else "dev"
    named = os.environ.get("PYWSGI_DAEMON") or REPO / "build" / variant / "pywsgi-daemon"
    source = Path(named).resolve()
    assert source.exists(), f"{source} is not built: ./dev build"
    home = machine.make_root("pywsgi-program-")
    yield Path(shutil.copy2(source, home))
    machine.remove_tree(home)


@pytest.fixture
def environ(pytestconfig: pytest.Config) -> dict[str, str]:
    """What the programs find in their environment; without a GIL Python has no other allocators."""
    asan = {"ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    return asan if pytestconfig.getoption("--asan") else {}


@pytest.fixture
def rule(pytestconfig: pytest.Config) -> dict[str, str | bytes]:
    """What --directive says of the Python runtime, as entries of the setup."""
    lines = [line.split(None, 1) for line in pytestconfig.getoption("--directive")]
    settings: dict[str, str | bytes] = {f"python:rule:{name}": value for name, value in lines}
    return {"python:rule": "1", **settings} if settings else {}


@pytest.fixture
def daemon(
    program: Path, rule: dict[str, str | bytes], environ: dict[str, str]
) -> Iterator[Callable[..., Daemon]]:
    """Start a daemon: `daemon(threads=2, preload=True, ...)`; it is ended and checked afterwards.

    Keywords are options of WSGIDaemonProcess; `entries`, `preloads` and `ready` are not.
    """
    made: list[Daemon] = []

    def start(
        *,
        entries: dict[str, str | bytes] | None = None,
        preloads: list[tuple[str, ...]] | None = None,
        ready: bool = True,
        **options: object,
    ) -> Daemon:
        options = {"threads": 2} | {
            name.replace("_", "-"): value for name, value in options.items()
        }
        one = Daemon(
            program,
            options=options,
            entries=rule | (entries or {}),
            preloads=preloads or (),
            environ=environ,
        )
        made.append(one)
        return one.wait_ready() if ready else one

    yield start
    for one in made:
        one.close()
        assert not SANITIZER.search(one.log_of_all), one.log_of_all


@pytest.fixture
def zygote(
    program: Path, rule: dict[str, str | bytes], environ: dict[str, str]
) -> Iterator[Callable[..., Zygote]]:
    """Start a zygote, as `daemon` starts a daemon; it and what it forked are ended and checked."""
    made: list[Zygote] = []

    def start(
        *preloads: tuple[str, ...] | Path,
        entries: dict[str, str | bytes] | None = None,
        ready: bool = True,
        loaded: Path | None = None,
        **options: object,
    ) -> Zygote:
        one = Zygote(
            program,
            options={"threads": 2}
            | {name.replace("_", "-"): value for name, value in options.items()},
            entries=rule | (entries or {}),
            preloads=[(str(one), "") if isinstance(one, Path) else one for one in preloads],
            loaded=loaded,
            environ=environ,
        )
        made.append(one)
        return one.wait_ready() if ready else one

    yield start
    for one in made:
        one.close()
        assert not SANITIZER.search(one.log_of_all), one.log_of_all


@pytest.fixture
def hello(daemon: Callable[..., Daemon]) -> tuple[Daemon, Path]:
    """A daemon of two threads and an application that says hello."""
    one = daemon()
    return one, one.script(HELLO)


def logged(daemon: Daemon, text: str, timeout: float = 10) -> str:
    """Wait until the process log holds `text`; the log so far."""
    wait.until(lambda: text in daemon.log, f"{text!r} in the log", timeout)
    return daemon.log
