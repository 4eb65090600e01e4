"""What the user sees."""

from __future__ import annotations

from mod_pywsgi import summary
from mod_pywsgi.identity import Identity

from .conftest import Make


def lines(text: str) -> dict[str, str]:
    return {
        label.strip(): value
        for label, _, value in (line.partition(" : ") for line in text.splitlines())
    }


def test_daemon(make: Make) -> None:
    shown = lines(summary.text(make("--processes", "2", "--access-log"), "Ctrl-C"))
    assert shown["Server URL"] == "http://localhost:8000/"
    assert shown["Application"] == "application in /golden/site/app.py"
    assert shown["Request Capacity"].startswith("2 processes x 5 threads, ")
    assert shown["Error Log File"].endswith("/error_log")
    assert shown["Access Log File"].endswith("/access_log")
    assert shown["Stop"] == "Ctrl-C"
    assert "User" not in shown


def test_root(make: Make) -> None:
    who = Identity("bob", "staff", 5, 6, drops=True)
    shown = lines(summary.text(make("--log-to-terminal", identity=who), "x"))
    assert shown["User"] == "bob, group staff"
    assert shown["Error Log File"] == "terminal"
    assert shown["Request Capacity"].startswith("1 process x 5 threads")


def test_debug(make: Make) -> None:
    shown = lines(summary.text(make("--debug-mode"), "Ctrl-C"))
    assert shown["Operating Mode"].startswith("debug")
    assert "Request Capacity" not in shown
