"""Options about the server's own files and programs."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from mod_pywsgi.httpd import facts as httpd_facts
from support import procs, wait
from support.express import Express

pytestmark = pytest.mark.no_asan

# Answers what is asked: /?expression
ORACLE = """
import os, sys
from urllib.parse import unquote

def application(environ, start_response):
    answer = str(eval(unquote(environ["QUERY_STRING"]) or "'oracle'"))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
"""


def ask(server: Express, expression: str) -> str:
    from urllib.parse import quote

    response = server.get(f"/?{quote(expression, safe='')}")
    assert response.status == 200, (response, server.story())
    return response.text


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@pytest.mark.option(
    *("pid-file", "socket-prefix", "envvars-script", "shell-executable"),
    *("httpd-executable", "modules-directory", "process-name"),
)
def test_everything_elsewhere(express: Express) -> None:
    """One server with each of its files and programs in another place than usual."""
    express.write("app.py", ORACLE)
    facts = httpd_facts.find()
    home = express.site.parent
    home.chmod(0o755)
    modules, sockets = home / "modules", home / "s"
    modules.symlink_to(facts.modules_directory)
    sockets.mkdir(mode=0o755)
    sockets.chmod(0o755)
    httpd = Path(shutil.copy(facts.program, home / "my-httpd"))
    # No other shell than the one that is asked for knows [[ ]].
    variables = express.write("vars.sh", f"if [[ a == a ]]; then touch {home}/read; fi\n")
    more = express.write(
        "more.conf", 'Header set X-Root "${MOD_WSGI_SERVER_ROOT} ${MOD_WSGI_HTTP_PORT}"\n'
    )
    pid_file = home / "number"
    express.start(
        "app.py",
        *("--pid-file", str(pid_file), "--socket-prefix", str(sockets)),
        *("--envvars-script", str(variables), "--shell-executable", "/bin/bash"),
        *("--httpd-executable", str(httpd), "--modules-directory", str(modules)),
        *("--process-name", "my shop's httpd", "--include-file", str(more)),
    )
    pid = int(pid_file.read_text())
    assert pid in express.family()
    assert command_line(pid)[0] == "my shop's httpd"
    assert os.readlink(f"/proc/{pid}/exe") == str(httpd)
    assert (home / "read").exists()
    assert not (express.root / "httpd.pid").exists()
    assert not (express.root / "envvars").exists()
    [folder] = [path for path in sockets.iterdir() if path.name != "lock"]
    assert folder.name.startswith(f"wsgi.{pid}.")
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert str(facts.modules_directory) in maps
    assert str(modules) in (express.root / "httpd.conf").read_text()
    # What Apache's configuration may name.
    assert express.get().header("X-Root") == f"{express.root} {express.port}"
    # Commands that know no more than the root.
    where = ["--server-root", str(express.root)]
    assert f"process {pid}" in express.run("status", *where).stdout
    assert "already running" in express.refused("app.py", "--port", str(express.port)).stderr
    family = express.family()
    assert express.run("stop", *where).returncode == 0
    assert express.wait() == 0
    express._require_gone(family)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shell-executable", "/nowhere/sh"], "--shell-executable /nowhere/sh is not a program"),
        (["--httpd-executable", "/nowhere/httpd"], "/nowhere/httpd is not a program"),
        (["--modules-directory", "/etc"], "--modules-directory /etc holds no modules"),
        (["--envvars-script", "/nowhere"], "--envvars-script /nowhere cannot be read"),
        (["--socket-prefix", "/nowhere"], "--socket-prefix /nowhere is not a directory"),
        (["--pid-file", "app.py"], "is a file of another kind"),
        (["--locale", "xx_XX.UTF-8"], "This system has no locale 'xx_XX.UTF-8'"),
        (["--shell-executable", "/a b"], "is not a program"),
    ],
)
def test_refused(express: Express, words: list[str], says: str) -> None:
    script = express.write("app.py", ORACLE)
    done = express.refused("app.py", *words)
    assert done.returncode in (2, 3)
    assert says in done.stderr
    assert script.read_text() == ORACLE


def test_sockets_where_the_root_is_too_long(express: Express) -> None:
    """What the option is for."""
    express.write("app.py", ORACLE)
    sockets = express.site.parent / "s"
    sockets.mkdir()
    sockets.chmod(0o755)
    express.site.parent.chmod(0o755)
    express.root = express.root.parent / ("r" * (80 - len(str(express.root.parent))))
    assert "too long" in express.refused("app.py").stderr
    express.start("app.py", "--socket-prefix", str(sockets))
    assert ask(express, "'yes'") == "yes"
    where = ["--server-root", str(express.root)]
    assert "1 of 1 processes" in express.run("status", *where).stdout


def test_a_number_left_behind_is_no_server(express: Express) -> None:
    """A file from before a crash names a process that by now is another one."""
    express.write("app.py", ORACLE)
    file = express.write("number", f"{os.getpid()}\n")
    express.start("app.py", "--pid-file", str(file))
    assert int(file.read_text()) in express.family()
    assert procs.alive(os.getpid())
    express.stop(signal.SIGTERM)
    wait.until(lambda: not file.exists(), "the file to go")
