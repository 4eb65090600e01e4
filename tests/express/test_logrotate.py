"""`logrotate-snippet`, by a real logrotate: no line of the logs is lost, and no request."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from support import load, wait
from support.express import NOBODY, Express

pytestmark = pytest.mark.no_asan

LOGROTATE = "/usr/sbin/logrotate"


def rotate(express: Express, snippet: str, *words: str) -> str:
    """Run logrotate with this snippet, as cron does; what it says."""
    folder = express.site.parent
    conf = folder / "logrotate.conf"
    conf.write_text(snippet)
    conf.chmod(0o644)
    done = subprocess.run(
        [LOGROTATE, "--force", "--verbose", "--state", str(folder / "logrotate.state"), str(conf)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("user", [None, pytest.param(NOBODY, marks=pytest.mark.root)])
def test_no_request_is_lost(express: Express, user: str | None) -> None:
    """Started by root, or by the user who rotates then."""
    express.write("wsgi.py", load.script("one"))
    if user:
        os.chmod(express.site.parent, 0o777)
    words = ("wsgi.py", "--access-log")
    express.start(*words, user=user)
    where = ("--port", str(express.port), "--server-root", str(express.root))
    printed = express.run("logrotate-snippet", *words, *where, user=user)
    assert printed.returncode == 0, printed.stderr
    with load.on(express, "/?200", clients=4) as at_work:
        for _ in range(3):
            old = (express.root / "access_log").stat().st_ino
            rotate(express, printed.stdout)
            wait.until(
                lambda old=old: inode(express.root / "access_log") not in (None, old),
                "Apache to open a new log",
            )
            at_work.goes_on(50)
    total = at_work.total()
    assert total.failures() == 0, total.report()
    wait.until(
        lambda: logged(express.root, "access_log") >= total.answered,
        lambda_text(express, total.answered),
    )
    names = {path.name for path in express.root.glob("access_log*")}
    assert names == {"access_log", "access_log.1", "access_log.2.gz", "access_log.3.gz"}
    owner = (express.root / "access_log.1").stat().st_uid
    assert owner == express.root.stat().st_uid


def lambda_text(express: Express, count: int) -> str:
    return f"a line of the access log for each of {count} requests in {express.root}"


def inode(file: Path) -> int | None:
    return file.stat().st_ino if file.exists() else None


def logged(folder: Path, name: str) -> int:
    """Lines of answered requests, in all generations of a log."""
    count = 0
    for path in folder.glob(f"{name}*"):
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        count += len(re.findall(rb'" 200 \d+$', text, re.MULTILINE))
    return count


def test_a_server_that_does_not_run(express: Express) -> None:
    """Its logs are rotated; nothing is started, nobody is sent a signal."""
    express.write("wsgi.py", load.script("one"))
    words = ("wsgi.py", "--server-root", str(express.root))
    assert express.run("setup-server", *words).returncode == 0
    (express.root / "error_log").write_text("a line\n")
    rotate(express, express.run("logrotate-snippet", *words).stdout)
    assert (express.root / "error_log.1").read_text() == "a line\n"
    assert not (express.root / "httpd.pid").exists()


def test_without_log_files(express: Express) -> None:
    express.write("wsgi.py", load.script("one"))
    done = express.run("logrotate-snippet", "wsgi.py", "--log-to-terminal")
    assert done.returncode == 2
    assert "writes no log files" in done.stderr


@pytest.mark.parametrize("name", ['a"b', "a*b", "a{b", "a\\b"])
def test_paths_that_logrotate_would_not_take_literally(express: Express, name: str) -> None:
    express.write("wsgi.py", load.script("one"))
    root = express.site.parent / name
    done = express.run("logrotate-snippet", "wsgi.py", "--server-root", str(root))
    assert done.returncode == 2
    assert "logrotate cannot be told" in done.stderr
