"""Options about logs: what is written, where, and in which form."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from support import procs, wait
from support.express import Express

from .test_paths import ORACLE, ask

pytestmark = pytest.mark.no_asan

APP = "import logging, time\nlogging.basicConfig(level=logging.DEBUG)\n" + ORACLE


def logged(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def objects(text: str) -> list[dict[str, Any]]:
    """Every line is a JSON object."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.option("log-level")
def test_what_an_application_logs_is_there_from_info_on(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py")
    assert ask(express, "logging.info('from info'), logging.debug('from debug')") == "(None, None)"
    wait.until(lambda: "from info" in express.error_log, "the record")
    assert "from debug" not in express.error_log


@pytest.mark.option("verbose-debugging", "log-level")
def test_verbose_debugging(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--verbose-debugging", "--log-level", "error")
    assert ask(express, "logging.debug('from debug')") == "None"
    wait.until(lambda: "from debug" in express.error_log, "the record")
    assert "[wsgi:debug]" in express.error_log
    assert ":warn]" not in express.error_log.replace("[wsgi:", "")


@pytest.mark.option(
    *("log-directory", "error-log-name", "access-log-name", "access-log-format"),
    *("error-log-format", "service-log-file"),
)
def test_names_and_formats(express: Express) -> None:
    """With a directory --log-to-terminal has no effect, and says so."""
    express.write("app.py", APP)
    express.write("mail.py", "import time\nprint('mail works')\ntime.sleep(600)\n")
    logs = express.site.parent / "var" / "my logs"
    express.start(
        "app.py",
        *("--log-directory", str(logs), "--log-to-terminal", "--access-log"),
        *("--error-log-name", "errors", "--access-log-name", "accesses"),
        *("--access-log-format", 'seen %r "%{User-Agent}i" %>s \\ %%'),
        *("--error-log-format", "mine %l \\t %M"),
        *("--service-script", "mail", "mail.py", "--service-log-file", "mail", "mail log"),
    )
    assert express.get("/?1", [("User-Agent", "me")]).status == 200
    assert ask(express, "logging.warning('careful')") == "None"
    line = 'seen GET /?1 HTTP/1.1 "me" 200 \\ %\n'
    wait.until(lambda: line in logged(logs / "accesses"), "the access")
    wait.until(
        lambda: "mine warn \t WARNING:root:careful\n" in logged(logs / "errors"), "the error"
    )
    wait.until(lambda: "mail works" in logged(logs / "mail log"), "the service's own log")
    assert "mail works" not in logged(logs / "errors")
    assert "--log-to-terminal has no effect with --log-directory" in express.output
    assert express.shown("Error Log File") == str(logs / "errors")
    assert express.shown("Access Log File") == str(logs / "accesses")
    assert not list(express.root.glob("*log*"))
    # The virtual host of the service's log is nobody's: requests are still the application's.
    assert express.get("/", [("Host", "mail.invalid")]).text == "oracle"


@pytest.mark.option("access-log-format")
def test_combined(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--access-log", "--access-log-format", "combined")
    express.get("/", [("User-Agent", "me"), ("Referer", "there")])
    wait.until(lambda: '" 200 6 "there" "me"\n' in logged(express.root / "access_log"), "the line")


@pytest.mark.option("startup-log", "startup-log-name")
def test_startup_log(express: Express) -> None:
    """A port that turns out to be taken: Apache has no error log yet."""
    express.write("app.py", APP)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        express.write("more.conf", f"Listen 127.0.0.1:{taken.getsockname()[1]}\n")
        words = ["--startup-log", "--startup-log-name", "begin", "--include-file", "more.conf"]
        done = express.refused("app.py", *words)
    assert done.returncode != 0
    assert "Address already in use" in logged(express.root / "begin")
    assert "Address already in use" not in done.stderr
    assert f"Startup Log File  : {express.root / 'begin'}" in done.stdout


@pytest.mark.option("rotate-logs", "max-log-size", "rotatelogs-executable")
def test_rotation(express: Express) -> None:
    """The plain name is the newest file; what was there before rotation is kept."""
    express.write("app.py", APP)
    rotatelogs = next(
        path for path in ("/usr/bin/rotatelogs", "/usr/sbin/rotatelogs") if os.path.exists(path)
    )
    own = express.site.parent / "my rotatelogs"
    own.symlink_to(rotatelogs)
    assert express.refused("app.py", "--setup-only").returncode == 0
    (express.root / "error_log").write_text("from before\n")
    os.utime(express.root / "error_log", (10**9, 10**9))
    express.start(
        "app.py",
        *("--rotate-logs", "--max-log-size", "1", "--rotatelogs-executable", str(own)),
        *("--access-log",),
    )

    def files() -> list[Path]:
        return sorted(express.root.glob("error_log.*"))

    assert logged(express.root / "error_log.2001-09-09-01_46_40") == "from before\n"

    def more() -> bool:
        """1.2 MB; a file that is begun in the second of the last one is the same."""
        assert ask(express, "[logging.warning('x' * 3000) for _ in range(400)][0]") == "None"
        return len(files()) >= 3

    wait.until(more, "another file", 20)
    assert ask(express, "logging.warning('the last')") == "None"
    wait.until(lambda: "the last" in express.error_log, "the line in the newest file")
    assert all(re.search(r"error_log\.\d{4}-\d\d-\d\d-\d\d_\d\d_\d\d$", str(f)) for f in files())
    assert (express.root / "access_log").stat().st_nlink == 2
    assert express.stop() == 0


@pytest.mark.option("rotate-logs")
def test_no_rotation_on_a_terminal(express: Express) -> None:
    express.write("app.py", APP)
    done = express.refused("app.py", "--rotate-logs", "--log-to-terminal", "--setup-only")
    assert "--rotate-logs has no effect for logs on the terminal" in done.stderr
    missing = express.refused("app.py", "--rotate-logs", "--rotatelogs-executable", "/nowhere/r")
    assert "--rotatelogs-executable /nowhere/r is not a program" in missing.stderr


# JSON


@pytest.mark.option("log-json")
def test_json_files(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--log-json", "--access-log")
    odd = "'tab\\t quote\\\" back\\\\slash \\u00fc \\udcff \\x1b'"
    assert ask(express, f"logging.warning({odd})") == "None"
    assert express.get("/?1/0", [("User-Agent", 'a"b\\c\xff')]).status == 500

    def of_error(word: str) -> dict[str, Any] | None:
        return next((o for o in objects(express.error_log) if word in o["message"]), None)

    found = wait.until(lambda: of_error("slash"), "the record")
    assert found["message"].startswith('WARNING:root:tab\t quote" back\\slash \xfc ')
    assert (found["module"], found["level"], found["log"]) == ("wsgi", "warn", "error")
    assert os.path.exists(f"/proc/{found['pid']}/task/{found['tid']}")
    assert found["pid"] in express.family()
    assert found["client"].startswith("127.0.0.1:")
    moment = datetime.datetime.fromisoformat(found["time"])
    assert abs(moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 600
    failure = wait.until(lambda: of_error("ZeroDivisionError"), "the traceback")
    loading = wait.until(lambda: of_error("Loading WSGI script"), "a line with a code")
    assert loading["code"] == "PYW0103" and loading["message"].startswith("Loading WSGI script")
    assert loading["daemon_pid"] in express.daemons()
    accesses = wait.until(
        lambda: [o for o in objects(logged(express.root / "access_log")) if o["status"] == 500],
        "the access",
    )
    [access] = accesses
    assert (access["method"], access["url"], access["log"]) == ("GET", "/?1/0", "access")
    assert access["user_agent"] in ('a"b\\c\xff', 'a"b\\c\\xff')
    assert 0 < access["duration"] < 600 and access["bytes"] > 0
    # By this the two belong together.
    assert access["log_id"] and access["log_id"] == failure["log_id"]
    # All lines of both files are objects.
    for text in (express.error_log, logged(express.root / "access_log")):
        assert all(line.startswith("{") for line in text.splitlines())


def filters() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.endswith(b"/runtime/jsonlog.py") for word in words):
                found.append(int(name))
    return found


def _both(express: Express) -> list[int]:
    """The programs of the two logs; Apache starts others while it reads its configuration."""

    def found() -> list[int]:
        own = [pid for pid in filters() if pid in express.family()]
        return own if len(own) == 2 else []

    return wait.until(found, "two programs that log", 20)


def _until_gone(express: Express, pids: list[int]) -> None:
    wait.until(lambda: not set(pids) & set(express.family()), "the old ones to end", 20)


@pytest.mark.option("log-json")
def test_json_on_the_terminal_loses_nothing_and_leaks_nothing(express: Express) -> None:
    express.write("app.py", APP + "print('imported', flush=True)\n")
    express.start("app.py", "--log-json", "--log-to-terminal", "--access-log")
    own = _both(express)
    for _ in range(2):
        assert express.control("graceful").returncode == 0
        _until_gone(express, own)
        own = _both(express)
        assert express.get().status == 200
    assert ask(express, "[logging.warning('line %d', n) for n in range(500)][0]") == "None"
    family = express.family()
    assert express.stop(signal.SIGTERM) == 0
    assert not [pid for pid in family if procs.alive(pid)]
    found = objects(express.output)
    lines = [o["message"] for o in found if "WARNING:root:line" in o.get("message", "")]
    assert lines == [f"WARNING:root:line {n}" for n in range(500)]
    assert [o for o in found if "caught SIG" in o.get("message", "")], "what is said last"
    assert [o["status"] for o in found if o["log"] == "access"].count(200) >= 3


@pytest.mark.option("log-json")
def test_json_rotated(express: Express) -> None:
    express.write("app.py", APP)
    express.start("app.py", "--log-json", "--rotate-logs", "--access-log")
    assert ask(express, "logging.warning('rotated')") == "None"
    wait.until(lambda: "rotated" in express.error_log, "the line")
    assert express.stop() == 0
    [file] = express.root.glob("error_log.*")
    assert objects(logged(file))[-1]["log"] == "error"


def test_json_has_its_own_format(express: Express) -> None:
    express.write("app.py", APP)
    done = express.refused("app.py", "--log-json", "--access-log-format", "combined")
    assert done.returncode == 2
    assert "--log-json and --access-log-format exclude each other" in done.stderr
    same = express.refused("app.py", "--access-log", "--access-log-name", "error_log")
    assert "Two logs have one file" in same.stderr
    none = express.refused("app.py", "--service-log-file", "mail", "x")
    assert "--service-log-file mail: there is no service of that name" in none.stderr
