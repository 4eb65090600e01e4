"""mod-pywsgi-express, as people use it: one command, and a Python application is served."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import sys

import pytest

from support import httpd, machine, procs, raw, wait
from support.express import NOBODY, REPO, Express, expect

is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="only root can become somebody else")

# The command starts Apache itself, with nothing preloaded.
pytestmark = pytest.mark.no_asan

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\\n"]
"""

# Answers any question about itself: /?expression
ORACLE = """
import os, sys, threading
from urllib.parse import unquote

def application(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    answer = str(eval(unquote(environ["QUERY_STRING"]) or "'oracle'"))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
"""


def ask(server: Express, expression: str, target: str = "/") -> str:
    from urllib.parse import quote

    response = server.get(f"{target}?{quote(expression, safe='')}")
    assert response.status == 200, (response, server.story())
    return response.text


# The main job


@pytest.mark.option("host", "port", "server-root")
@pytest.mark.smoke
def test_one_command_serves_the_example(express: Express) -> None:
    express.start(str(REPO / "examples" / "hello.py"))
    assert express.shown("Server URL") == f"http://127.0.0.1:{express.port}/"
    assert express.get().body == b"Hello from mod_pywsgi!\n"
    assert express.stop() == 0
    assert "Traceback" not in express.story()
    with pytest.raises(ConnectionRefusedError):
        express.get()


@pytest.mark.option("service-script", "service-schedule")
def test_a_program_and_a_job_beside_the_application(express: Express) -> None:
    express.write("app.py", HELLO)
    express.write("mail.py", "import time\nprint('mail works', __file__)\ntime.sleep(600)\n")
    express.write("clock.py", "print('the clock strikes')\n")
    express.start(
        "app.py",
        *("--service-script", "mail", "mail.py"),
        *("--service-script", "clock", "clock.py", "--service-schedule", "clock", "* * * * * *"),
    )
    for words in ("mail works", "the clock strikes"):
        wait.until(lambda words=words: words in express.error_log, f"{words!r} in the log", 20)
    assert express.get().status == 200
    assert express.stop() == 0
    assert "Traceback" not in express.error_log


def test_a_service_that_cannot_be_read(express: Express) -> None:
    express.write("app.py", HELLO)
    refused = express.refused("app.py", "--service-script", "mail", "nowhere.py")
    assert "nowhere.py cannot be read" in refused.stderr


@pytest.mark.option("processes", "threads", "access-log")
def test_summary(express: Express) -> None:
    express.write("app.py", HELLO)
    express.start("app.py", "--processes", "2", "--threads", "3", "--access-log")
    assert express.shown("Request Capacity").startswith("2 processes x 3 threads")
    assert express.shown("Application") == f"application in {express.site / 'app.py'}"
    assert express.shown("Error Log File") == str(express.root / "error_log")
    assert express.shown("Access Log File") == str(express.root / "access_log")
    assert express.shown("Stop") == f"{express.root / 'apachectl'} stop"
    names = {path.name for path in express.root.iterdir()}
    assert {"httpd.conf", "apachectl", "envvars", "httpd.pid", "error_log", "access_log"} <= names
    assert len(express.daemons()) == 2
    assert '"GET / HTTP/1.1" 200' in (express.root / "access_log").read_text()


def test_terminal_and_ctrl_c(express: Express) -> None:
    express.write("app.py", HELLO)
    express.start("app.py", terminal=True)
    assert express.shown("Stop") == "Ctrl-C"
    assert express.get().body == b"hello\n"
    family = express.family()
    express.process.send_signal(signal.SIGWINCH)  # type: ignore[union-attr]
    assert express.get().status == 200
    express.process.send_signal(signal.SIGINT)  # type: ignore[union-attr]
    assert express.wait() == 0
    assert "stopping" in express.output
    express._require_gone(family)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(express: Express, number: int) -> None:
    express.write("app.py", HELLO)
    express.start("app.py")
    assert express.stop(number) == 0


def test_setup_and_apachectl(express: Express) -> None:
    express.write("app.py", ORACLE)
    port = machine.Port()
    express.port = port.number
    words = ["--port", str(port.number), "--server-root", str(express.root)]
    done = express.run("setup-server", "app.py", *words, "--log-level", "info")
    port.release()
    assert done.returncode == 0, done.stderr
    assert f"http://localhost:{port.number}/" in done.stdout
    assert express.control("configtest").returncode == 0
    assert express.control("status").returncode == 1
    assert express.control("start").returncode == 0
    try:
        wait.until(lambda: _answers(express), "the server to answer")
        first = ask(express, "os.getpid()")
        assert "running, process" in express.control("status").stdout
        assert express.control("graceful").returncode == 0
        wait.until(lambda: ask(express, "os.getpid()") != first, "a new generation")
    finally:
        assert express.control("stop").returncode == 0
        wait.until(lambda: express.control("status").returncode == 1, "the server to stop")
    procs.reap()


def _answers(express: Express) -> bool:
    try:
        return express.get().status == 200
    except (OSError, EOFError):
        return False


@pytest.mark.option("setup-only")
def test_setup_only_starts_nothing(express: Express) -> None:
    express.write("app.py", HELLO)
    done = express.refused("app.py", "--setup-only")
    assert done.returncode == 0, done.stderr
    assert (express.root / "httpd.conf").exists()
    assert not (express.root / "httpd.pid").exists()


def test_envvars_reach_the_server(express: Express) -> None:
    """The file is the user's: it is read, and left alone."""
    express.write("app.py", HELLO)
    assert express.refused("app.py", "--setup-only").returncode == 0
    marker = express.root.parent / "marker"
    text = f"touch {marker}\n"
    (express.root / "envvars").write_text(text)
    express.start("app.py")
    assert marker.exists()
    assert (express.root / "envvars").read_text() == text


# Who it runs as


@needs_root
def test_root_drops_to_the_owner(express: Express) -> None:
    script = express.write("app.py", ORACLE)
    account = pwd.getpwnam(NOBODY)
    os.chown(script, account.pw_uid, account.pw_gid)
    express.start("app.py")
    assert "started as root; the application runs as nobody, who owns" in express.output
    assert ask(express, "os.getuid(), os.getgid()") == str((account.pw_uid, account.pw_gid))
    uids = {procs.status(pid)["Uid"].split()[1] for pid in express.daemons()}
    assert uids == {str(account.pw_uid)}


@needs_root
def test_root_drops_to_the_web_user(express: Express, around: httpd.Surroundings) -> None:
    express.write("app.py", ORACLE)
    express.start("app.py")
    assert f"runs as {around.facts.user}, the web user" in express.output
    assert ask(express, "os.getuid()") == str(pwd.getpwnam(str(around.facts.user)).pw_uid)


@pytest.mark.option("user", "group")
@needs_root
def test_user_option(express: Express) -> None:
    express.write("app.py", ORACLE)
    express.start("app.py", "--user", NOBODY, "--group", "daemon")
    ids = f"({pwd.getpwnam(NOBODY).pw_uid}, {grp.getgrnam('daemon').gr_gid})"
    assert ask(express, "(os.getuid(), os.getgid())") == ids


@pytest.mark.option("service-user", "service-group")
@needs_root
def test_service_of_another_user(express: Express) -> None:
    express.write("app.py", HELLO)
    express.write("who.py", "import os\nprint('runs as', os.getuid(), os.getgid())\n")
    express.start(
        "app.py",
        *("--service-script", "who", "who.py"),
        *("--service-user", "who", NOBODY, "--service-group", "who", "daemon"),
    )
    said = f"runs as {pwd.getpwnam(NOBODY).pw_uid} {grp.getgrnam('daemon').gr_gid}"
    wait.until(lambda: said in express.error_log, f"{said!r} in the log", 20)


@needs_root
def test_no_root_is_needed(express: Express) -> None:
    express.write("app.py", ORACLE)
    account = pwd.getpwnam(NOBODY)
    os.chown(express.site.parent, account.pw_uid, account.pw_gid)
    express.start("app.py", user=NOBODY)
    assert ask(express, "os.getuid()") == str(account.pw_uid)
    assert {procs.status(pid)["Uid"].split()[1] for pid in express.family()} == {
        str(account.pw_uid)
    }
    assert express.root.stat().st_mode & 0o077 == 0
    assert express.stop() == 0


# Errors with a way out


def test_port_in_use(express: Express) -> None:
    express.write("app.py", HELLO)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = express.refused("app.py", "--port", str(port))
    assert done.returncode == 4
    assert f"Port {port} is in use" in done.stderr
    assert "--port" in done.stderr
    assert not express.root.exists()


def test_started_twice(express: Express) -> None:
    express.write("app.py", HELLO)
    express.start("app.py")
    done = express.refused("app.py", "--port", str(express.port))
    assert done.returncode == 4
    assert "already running" in done.stderr
    assert f"{express.root / 'apachectl'} stop" in done.stderr
    assert express.get().status == 200


def test_no_httpd(express: Express) -> None:
    express.write("app.py", HELLO)
    done = express.refused("app.py", env={"HTTPD": "/nonexistent/httpd"})
    assert done.returncode == 3
    assert "/nonexistent/httpd" in done.stderr


def test_built_for_another_python(express: Express) -> None:
    express.write("app.py", HELLO)
    libexec = express.site.parent / "libexec"
    shutil.copytree(express.artifacts.folder, libexec)  # type: ignore[union-attr]
    (libexec / "pywsgi-daemon").write_text("#!/bin/sh\necho 'pywsgi-daemon 0 (Python 2.7)'\n")
    done = express.refused("app.py", env={"PYWSGI_LIBEXEC": str(libexec)})
    assert done.returncode == 3
    assert "was built for Python 2.7" in done.stderr
    assert "pip install" in done.stderr


def test_module_that_apache_cannot_load(express: Express) -> None:
    express.write("app.py", HELLO)
    libexec = express.site.parent / "libexec"
    shutil.copytree(express.artifacts.folder, libexec)  # type: ignore[union-attr]
    (libexec / "mod_pywsgi.so").write_bytes(b"not a module")
    done = express.refused("app.py", env={"PYWSGI_LIBEXEC": str(libexec)})
    assert done.returncode == 3
    assert "Apache cannot load" in done.stderr


@pytest.mark.parametrize(
    ("source", "words", "message"),
    [
        (None, ["app.py"], "There is no file or directory"),
        (None, ["."], "No application was found in"),
        ("x = 1", ["app.py"], "defines neither 'application' nor 'app'"),
        ("app = 1", ["app.py", "--callable-object", "site"], "defines no 'site'"),
        ("def application(:", ["app.py"], "line 1: "),
        (None, ["nothing", "--application-type", "module"], "There is no module 'nothing'"),
    ],
)
def test_unusable_application(
    express: Express, source: str | None, words: list[str], message: str
) -> None:
    if source:
        express.write("app.py", source)
    done = express.refused(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not express.root.exists()


@needs_root
def test_unreadable_application_names_the_directory(express: Express) -> None:
    script = express.write("closed/app.py", HELLO)
    script.parent.chmod(0o700)
    done = express.refused("closed/app.py")
    assert done.returncode == 2
    assert f"the directory {script.parent} may not be entered" in done.stderr


# Zero configuration


@pytest.fixture
def example(express: Express) -> object:
    def copy(name: str) -> None:
        shutil.copytree(REPO / "examples" / name, express.site, dirs_exist_ok=True)
        express.site.chmod(0o755)

    return copy


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("flask_app", b"Hello from Flask at /\n", "found a Flask application: app in"),
        ("django_site", b"Hello from Django\n", "found a Django project"),
    ],
)
def test_framework(express: Express, name: str, answer: bytes, found: str) -> None:
    shutil.copytree(REPO / "examples" / name, express.site, dirs_exist_ok=True)
    express.site.chmod(0o755)
    express.start(".")
    assert express.get("/", [("Host", "localhost")]).body == answer
    assert found in express.output


@pytest.mark.parametrize("name", ["wsgi.py", "app.py", "main.py"])
def test_directory(express: Express, name: str) -> None:
    express.write(name, HELLO)
    express.start(str(express.site), env={})
    assert express.get().body == b"hello\n"


def test_factory(express: Express) -> None:
    express.write(
        "app.py",
        HELLO.replace("def application", "def serve") + "def create_app():\n  return serve\n",
    )
    express.start("app.py")
    assert express.get().body == b"hello\n"


# Options


@pytest.mark.option("application-type", "callable-object")
def test_module(express: Express) -> None:
    express.write("mysite/__init__.py", "")
    express.write("mysite/wsgi.py", ORACLE.replace("application(", "site("))
    express.start("mysite.wsgi", "--application-type", "module", "--callable-object", "site")
    assert ask(express, "__name__, os.getcwd()") == str(("mysite.wsgi", str(express.site)))


@pytest.mark.option("python-path", "working-directory")
def test_paths(express: Express) -> None:
    express.write("app.py", "import extra, beside\n" + ORACLE)
    express.write("beside.py", "")
    express.write("lib/extra.py", "")
    express.write("work/data", "")
    express.start("app.py", "--python-path", "lib", "--working-directory", "work")
    assert ask(express, "os.getcwd()") == str(express.site / "work")
    assert ask(express, "sys.path[0]") == str(express.site / "work")
    assert ask(express, "sys.prefix") == sys.prefix


@pytest.mark.option("setenv", "mount-point")
def test_environ(express: Express) -> None:
    express.write("app.py", ORACLE)
    words = ["--setenv", "GREETING", 'say "hi" \\ bye', "--mount-point", "/sub", "--processes", "1"]
    express.start("app.py", *words, wait_for="/sub/")
    assert ask(express, "environ['GREETING']", "/sub/x") == 'say "hi" \\ bye'
    asked = "environ['SCRIPT_NAME'], environ['PATH_INFO'], environ['wsgi.multiprocess']"
    assert ask(express, asked, "/sub/x") == str(("/sub", "/x", True))
    assert ask(express, "environ['mod_wsgi.application_group']", "/sub/") == ""
    assert ask(express, "environ['mod_wsgi.process_group']", "/sub/") == f"127.0.0.1:{express.port}"
    assert express.get("/").status == 404
    with raw.Connection("127.0.0.1", express.port) as connection:
        response = connection.request(
            "GET", "/sub/?environ['HTTP_AUTHORIZATION']", [("Authorization", "Basic eDp5")]
        )
        assert response.text == "Basic eDp5"


def test_odd_names(express: Express) -> None:
    """Nothing in a path is taken for Apache's syntax."""
    name = 'odd "name" %{x} \\ dir'
    express.write(f"{name}/app.py", ORACLE)
    express.write(f"{name}/files/a b.txt", "static\n")
    folder = str(express.site / name)
    words = ["--working-directory", folder, "--document-root", f"{folder}/files"]
    express.start(f"{folder}/app.py", *words)
    assert ask(express, "os.getcwd()") == folder
    assert express.get("/a%20b.txt").body == b"static\n"


@pytest.mark.option("limit-request-body", "include-file")
def test_limits_and_includes(express: Express) -> None:
    express.write("app.py", ORACLE)
    express.write("more.conf", "Header set X-More yes\n")
    express.start("app.py", "--limit-request-body", "10", "--include-file", "more.conf")
    assert express.get().header("X-More") == "yes"
    assert express.post("/", b"0123456789").status == 200
    assert express.post("/", b"0123456789a").status == 413
    with raw.Connection("127.0.0.1", express.port) as connection:
        assert connection.request("TRACE", "/").status == 405


@pytest.mark.option("log-to-terminal", "log-level")
def test_log_to_terminal(express: Express) -> None:
    express.write("app.py", ORACLE)
    express.start("app.py", "--log-to-terminal", "--access-log", "--log-level", "info")
    assert express.get("/?1/0").status == 500
    expect(express, "ZeroDivisionError")
    expect(express, '"GET /?1/0 HTTP/1.1" 500')
    assert not (express.root / "error_log").exists()


def test_traceback_goes_to_the_log(express: Express) -> None:
    express.write("app.py", ORACLE)
    express.start("app.py")
    assert express.get("/?1/0").status == 500
    wait.until(lambda: "ZeroDivisionError" in express.error_log, "the traceback")


@pytest.mark.option("entry-point")
def test_settings_from_the_environment(express: Express) -> None:
    express.write("app.py", HELLO)
    express.start(env={"PYWSGI_ENTRY_POINT": "app.py", "PYWSGI_THREADS": "2"})
    assert express.shown("Request Capacity").startswith("1 process x 2 threads")


@pytest.mark.option("server-mpm")
@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_mpm(express: Express, mpm: str, mode: list[str]) -> None:
    express.write("app.py", ORACLE)
    express.start("app.py", "--server-mpm", mpm, *mode)
    assert f"({mpm})" in express.shown("Server Capacity")
    assert ask(express, "'yes'") == "yes"


@pytest.mark.option("embedded-mode")
def test_embedded(express: Express) -> None:
    express.write("app.py", "import extra\n" + ORACLE)
    express.write("lib/extra.py", "")
    express.start("app.py", "--embedded-mode", "--python-path", "lib", "--threads", "2")
    assert express.shown("Operating Mode") == "embedded"
    assert express.daemons() == []
    assert ask(express, "environ['mod_wsgi.process_group']") == ""
    assert ask(express, "os.getcwd()") == str(express.site)
    assert ask(express, "sys.prefix") == sys.prefix


@pytest.mark.option("debug-mode")
def test_debug_mode(express: Express) -> None:
    source = ORACLE + "\nprint('to the console')\n"
    express.write("app.py", source)
    express.start("app.py", "--debug-mode", terminal=True)
    expect(express, "to the console")
    assert ask(express, "sys.stdin.isatty()") == "True"
    assert express.get("/?1/0").status == 500
    expect(express, "ZeroDivisionError")
    assert express.daemons() == []
    assert len(express.family()) == 1
    assert express.stop(signal.SIGINT) == 0


# Reloading


def test_touched_script(express: Express) -> None:
    script = express.write("app.py", HELLO)
    express.start("app.py")
    assert express.get().body == b"hello\n"
    script.write_text(HELLO.replace("hello", "hello again"))
    wait.until(lambda: express.get().body == b"hello again\n", "the new script")


@pytest.mark.option("preload", "warmup")
def test_preload(express: Express) -> None:
    """One import for all processes, by the wrapper that express writes; a touched script is a new one."""
    text = (
        "import os, threading\nIMPORTED = os.getpid()\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [f'{os.getpid()} {IMPORTED} VERSION'.encode()]\n"
    )
    script = express.write("app.py", text)
    express.start("app.py", "--preload", "--processes", "2", "--warmup", "/health")
    seen: dict[bytes, bytes] = {}

    def ask() -> bool:
        pid, imported, _ = express.get().body.split()
        seen[pid] = imported
        return len(seen) == 2

    wait.until(ask, "answers of both processes")
    assert len(set(seen.values())) == 1
    assert set(seen.values()).isdisjoint(seen)
    script.write_text(text.replace("VERSION", "anew"))
    wait.until(lambda: express.get().body.endswith(b"anew"), "the new script")


@pytest.mark.option("interpreters")
def test_interpreters(express: Express) -> None:
    """Several where Python can; an older one is told what does the same."""
    express.write(
        "app.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [str(environ['wsgi.multiprocess']).encode()]\n",
    )
    if sys.version_info >= (3, 12):
        express.start("app.py", "--interpreters", "2")
        assert express.get().body == b"True"
    else:
        refused = express.refused("app.py", "--interpreters", "2").stderr
        assert "--interpreters 2 needs Python 3.12 or newer" in refused
        assert "--processes 2" in refused


# The other commands


def test_module_config_serves_a_hand_written_configuration(express: Express, start) -> None:
    done = express.run("module-config")
    assert done.returncode == 0
    assert done.stdout.startswith("LoadModule wsgi_module ")
    server = start(f"{done.stdout}\nWSGIScriptAlias /hello @APPS@/hello/wsgi.py\n", load=False)
    assert server.get("/hello").status == 200
    location = express.run("module-location").stdout.strip()
    assert f'"{location}"' in done.stdout


def test_install_module(express: Express, start) -> None:
    modules = express.site / "modules"
    modules.mkdir(mode=0o755)
    done = express.run("install-module", "--modules-directory", str(modules))
    assert done.returncode == 0, done.stderr
    assert (modules / "mod_pywsgi.so").exists()
    server = start(f"{done.stdout}\nAlias /x @ROOT@/htdocs\n", load=False)
    assert server.get("/alive").status == 200
