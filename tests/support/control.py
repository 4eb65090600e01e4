"""The control socket of a server in a test, with one process group `web`."""

from __future__ import annotations

from pathlib import Path

from mod_pywsgi.control import Control, ControlError, GroupStatus
from support import wait
from support.httpd import HttpdInstance
from support.waiting import ROUTES


def conf(options: str = "", rest: str = "") -> str:
    return f"WSGIDaemonProcess web {options}\n{ROUTES}{rest}"


def socket_of(server: HttpdInstance) -> Path:
    return server.root / "run" / "wsgi.control"


def control_of(server: HttpdInstance) -> Control:
    return Control(socket_of(server))


def accepts(server: HttpdInstance) -> bool:
    try:
        control_of(server).status()
    except ControlError:
        return False
    return True


def group_of(server: HttpdInstance, name: str = "web") -> GroupStatus:
    [group] = [group for group in control_of(server).status().groups if group.name == name]
    return group


def pids_of(server: HttpdInstance) -> set[int]:
    return {process.pid for process in group_of(server).processes}


def is_whole(server: HttpdInstance, count: int) -> bool:
    """That many processes, all of them ready."""
    states = [process.state for process in group_of(server).processes]
    return states == ["ready"] * count


def settle(server: HttpdInstance, count: int) -> None:
    """A test begins, of a server all of whose processes are ready, and may be replaced."""
    wait.until(lambda: is_whole(server, count), f"{count} ready processes")
    server.begin_test()
    server.expect_new_processes()
