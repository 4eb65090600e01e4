"""Checks before the start, and what they say."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mod_pywsgi import preflight
from mod_pywsgi.errors import ConfigError, HttpdError, InstanceError
from mod_pywsgi.httpd import probe
from support import wait

from .conftest import Make


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("host", [[], ["--host", "127.0.0.1"]])
def test_port_in_use(make: Make, taken: int, host: list[str]) -> None:
    with pytest.raises(InstanceError, match=f"Port {taken} is in use") as caught:
        preflight.require_free_port(make("--port", str(taken), *host))
    assert "--port" in caught.value.hint


def test_running_server(make: Make, open_tmp: Path) -> None:
    made = make("--server-root", str(open_tmp))
    with subprocess.Popen(["tail", "-f", "/dev/null", made.paths.conf], stderr=-3) as running:
        made.paths.pid_file.write_text(f"{running.pid}\n")
        try:
            # exec() closes the pipe that Popen waits for before the new command line is to be read.
            wait.until(Path(f"/proc/{running.pid}/cmdline").read_bytes, "the command line")
            with pytest.raises(InstanceError, match=f"as process {running.pid}") as caught:
                preflight.require_stopped(made)
        finally:
            running.kill()
    assert "apachectl stop" in caught.value.hint
    assert made.paths.pid_file.exists()


@pytest.mark.parametrize(
    "pid", [str(os.getpid()), "999999999", "1", "nonsense"], ids=["own", "none", "init", "text"]
)
def test_stale_pid_file(make: Make, open_tmp: Path, pid: str) -> None:
    """The number is now that of some other process: Apache would believe in it."""
    made = make("--server-root", str(open_tmp))
    made.paths.pid_file.write_text(f"{pid}\n")
    preflight.require_stopped(made)
    assert not made.paths.pid_file.exists()


def test_free_port(make: Make, taken: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    preflight.require_free_port(make("--port", str(port)))


def test_address_of_another_machine(make: Make) -> None:
    with pytest.raises(ConfigError, match="not an address of this machine"):
        preflight.require_free_port(make("--host", "192.0.2.1"))


def test_closed_port(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(InstanceError, match="Port 80 may only be opened by root"):
        preflight.require_free_port(make("--port", "80"))


@pytest.mark.parametrize(
    ("complaint", "error", "message"),
    [
        (
            "Cannot load /golden/libexec/mod_pywsgi.so into server: undefined symbol: ap_x",
            HttpdError,
            "built for another Apache",
        ),
        ("Syntax error on line 3 of /golden/more.conf: oh", ConfigError, "--include-file"),
        ("Syntax error on line 3 of /golden/root/httpd.conf: oh", HttpdError, "Apache refuses"),
    ],
)
def test_complaints_of_apache(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    complaint: str,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.setattr(probe, "configuration_errors", lambda *_: complaint)
    with pytest.raises(error, match=message) as caught:
        preflight.check_configuration(make("--include-file", "/golden/more.conf"))
    assert complaint in str(caught.value)


def test_no_complaint(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "configuration_errors", lambda *_: "")
    preflight.check_configuration(make())


def test_a_tool_is_missing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="needs the package coverage") as caught:
        preflight._check_tools(make("--enable-coverage"))
    assert caught.value.hint.endswith("-m pip install coverage")
    with pytest.raises(ConfigError, match="/nowhere/gdb is not there"):
        preflight._check_tools(make("--enable-gdb", "--gdb-executable", "/nowhere/gdb"))
    preflight._check_tools(make("--enable-gdb", "--gdb-executable", "sh"))
