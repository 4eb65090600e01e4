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
    assert shown["Request Capacity"] == "2 processes x 5 threads"
    assert shown["Server Capacity"] == "512 clients (event)"
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


def test_what_else_is_said(make: Make) -> None:
    words = ["--server-status", "--startup-log", "--interrupt-timeout", "7", "--processes", "2-4"]
    shown = lines(summary.text(make(*words, "--max-clients", "40"), "x"))
    assert shown["Server Status"] == "http://localhost:8000/server-status"
    assert shown["Startup Log File"].endswith("/startup_log")
    assert shown["Request Capacity"] == "2 to 4 processes x 5 threads"
    assert shown["Server Capacity"] == "52 clients (event)"
    assert shown["Queue Backlog"] == "100 connections"
    assert shown["Server Backlog"] == "4096 connections"
    assert shown["Locale Setting"] == "C.UTF-8"
    timeouts = [shown[f"{name} Timeout"] for name in ("Request", "Interrupt", "Startup", "Queue")]
    assert timeouts == ["60 s", "7 s", "15 s", "45 s"]
    assert shown["Server Conf"].endswith("/httpd.conf")
    assert shown["Environ Variables"].endswith("/envvars")
