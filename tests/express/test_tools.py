"""Debug mode and the tools that imply it: in the browser, in the terminal, in files."""

from __future__ import annotations

import ast
import json
import os
import pstats
import re
import shutil
import signal
import stat
import subprocess
import termios
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support import wait
from support.express import Express, expect
from support.raw import Response

pytestmark = pytest.mark.no_asan

BROWSER = [("Accept", "text/html,*/*;q=0.8"), ("Cookie", "session=hunter2")]
PROMPT = "(Pdb) "

APPLICATION = """
import os, time

def compute():
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        sum(range(500))

def fail(value):
    raise ValueError(f"<b>{value}</b>")

def never_called():
    return 1

def failing():
    yield b"one "
    raise KeyError("too late")

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        fail("no")
    if path == "/stop":
        answer = 42
        breakpoint()
    if path == "/compute":
        compute()
    if path == "/write":
        write = start_response("201 Created", [("Content-Type", "text/plain")])
        write(b"written ")
        return [environ["wsgi.input"].read()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/cut":
        return failing()
    if path == "/variables":
        return [repr({k: v for k, v in os.environ.items() if k.startswith("MOD_WSGI_")}).encode()]
    return [b"hello"]
"""
LINE_OF_FAIL = APPLICATION.splitlines().index('        fail("no")') + 1


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def ask(pool: ThreadPoolExecutor, express: Express, target: str) -> Future[Response]:
    """A request that stops at a prompt."""
    return pool.submit(express.get, target, (), 60)


def prompt(express: Express, number: int) -> None:
    """Wait for a prompt of pdb, counted from 1."""
    wait.until(lambda: express.output.count(PROMPT) >= number, f"prompt {number}", 20)


def enabled(express: Express) -> set[str]:
    """What the application finds to be on, of MOD_WSGI_..."""
    found: dict[str, str] = ast.literal_eval(express.get("/variables").text)
    return {name.removeprefix("MOD_WSGI_") for name, value in found.items() if value == "true"}


def files(directory: Path, ending: str) -> list[bytes]:
    """The files of that ending, the oldest first."""
    return [path.read_bytes() for path in sorted(directory.glob(f"*.{ending}"))]


# In the browser


@pytest.mark.option("debug-mode")
def test_a_failed_request_is_a_page(express: Express) -> None:
    script = express.write("app.py", APPLICATION)
    express.start("app.py", "--debug-mode", "--setenv", "DB_PASSWORD", "hunter2")
    page = express.get("/fail", BROWSER)
    assert page.status == 500
    assert page.header("content-type") == "text/html; charset=utf-8"
    assert page.header("cache-control") == "no-store"
    assert "&lt;b&gt;no&lt;/b&gt;" in page.text and "<b>" not in page.text
    assert f"{script}:{LINE_OF_FAIL}" in page.text
    assert '<span class="hit">' in page.text
    assert "HTTP_COOKIE" in page.text and "DB_PASSWORD" in page.text
    assert "hunter2" not in page.text
    # A terminal, and a program.
    plain = express.get("/fail")
    assert plain.header("content-type") == "text/plain; charset=utf-8"
    assert plain.text.startswith("The request failed\n\nTraceback (most recent call last):")
    assert plain.text.endswith("ValueError: <b>no</b>\n")
    told = json.loads(express.get("/fail", [("Accept", "application/json")]).text)
    assert (told["type"], told["message"]) == ("ValueError", "<b>no</b>")
    # Logged as ever; and what has begun is cut.
    wait.until(lambda: express.output.count("ValueError: <b>no</b>") == 3, "three tracebacks")
    cut = express.get("/cut", BROWSER)
    assert cut.body == b"one " and not cut.complete
    expect(express, "KeyError: 'too late'")
    assert express.get().body == b"hello"
    assert express.stop() == 0


@pytest.mark.option("debug-mode")
def test_a_failed_import_is_a_page_until_it_is_mended(express: Express) -> None:
    express.write("app.py", f"import helper\n{APPLICATION}")
    helper = express.write("helper.py", "x = 1\nraise LookupError('no <b>')\n")
    express.start("app.py", "--debug-mode")
    page = express.get("/", BROWSER)
    assert page.status == 500
    assert "The application could not be loaded" in page.text
    assert "LookupError" in page.text and "no &lt;b&gt;" in page.text
    assert f"{helper}:2" in page.text
    expect(express, "LookupError: no <b>")
    helper.write_text("x = \n")
    assert '<span class="hit">    1  x =</span>' in express.get("/", BROWSER).text
    helper.write_text("x = 22\n")
    assert express.get("/", BROWSER).body == b"hello"


@pytest.mark.parametrize("mode", [(), ("--embedded-mode",)], ids=["daemon", "embedded"])
def test_outside_of_debug_mode_nothing_is_shown(express: Express, mode: tuple[str, ...]) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py", *mode)
    page = express.get("/fail", BROWSER)
    assert page.status == 500
    assert "ValueError" not in page.text and "Traceback" not in page.text
    wait.until(lambda: "ValueError: <b>no</b>" in express.error_log, "the log")
    assert enabled(express) == {"EXPRESS"}


# In the terminal


@pytest.mark.option("debug-mode")
@pytest.mark.parametrize("mpm", ["worker", "prefork"])
def test_breakpoint(express: Express, background: ThreadPoolExecutor, mpm: str) -> None:
    """pdb in the terminal; left by q a request has ended, by Ctrl-C the server too."""
    express.write("app.py", APPLICATION)
    express.start("app.py", "--debug-mode", "--server-mpm", mpm, terminal=True)
    assert express.terminal is not None
    terminal = os.dup(express.terminal)  # the other one is closed when its last writer has gone
    before = termios.tcgetattr(terminal)
    request = ask(background, express, "/stop")
    prompt(express, 1)
    express.type("p answer + 1\n")
    expect(express, "43")
    prompt(express, 2)
    express.type("c\n")
    assert request.result(20).body == b"hello"

    request = ask(background, express, "/stop")
    prompt(express, 3)
    express.type("q\n")
    assert request.result(20).status == 500
    assert "its debugger was left" in request.result().text
    assert express.get().body == b"hello"

    request = ask(background, express, "/stop")
    prompt(express, 4)
    express.type("\x03")
    assert express.wait() == 0
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)
    assert "Traceback" not in express.output
    assert request.exception(20) or request.result().status == 500


@pytest.mark.option("debug-mode")
def test_the_server_is_stopped_at_a_prompt(
    express: Express, background: ThreadPoolExecutor
) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py", "--debug-mode", terminal=True)
    request = ask(background, express, "/stop")
    prompt(express, 1)
    assert express.stop(signal.SIGTERM) == 0
    assert request.exception(20) or request.result().status == 500


@pytest.mark.option("debug-mode")
def test_breakpoint_without_a_terminal(express: Express) -> None:
    """Nobody is there to answer: the request ends, and nothing hangs."""
    express.write("app.py", APPLICATION)
    express.start("app.py", "--debug-mode")
    assert "its debugger was left" in express.get("/stop").text
    assert express.get().body == b"hello"


@pytest.mark.option("enable-debugger")
def test_post_mortem(express: Express, background: ThreadPoolExecutor) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py", "--enable-debugger", terminal=True)
    assert express.shown("Operating Mode") == "debug: one process, one thread"
    assert enabled(express) == {"EXPRESS", "DEBUG_MODE", "DEBUGGER_ENABLED"}
    request = ask(background, express, "/fail")
    prompt(express, 1)
    expect(express, "ValueError: <b>no</b>\npost mortem")
    express.type("p value * 3\n")
    expect(express, "'nonono'")
    prompt(express, 2)
    express.type("q\n")
    assert request.result(20).text.endswith("ValueError: <b>no</b>\n")
    assert express.get().body == b"hello"


@pytest.mark.option("debugger-startup")
def test_debugger_at_the_start(express: Express, background: ThreadPoolExecutor) -> None:
    """It stops before the first line of the application, and its breakpoints hold in requests."""
    script = express.write("app.py", APPLICATION)
    words = ("app.py", "--enable-debugger", "--debugger-startup")
    express.start(*words, terminal=True, shows=PROMPT)
    expect(express, f"> {script}(")
    express.type(f"b {script}:{LINE_OF_FAIL}\n")
    prompt(express, 2)
    express.type("c\n")
    request = ask(background, express, "/fail")
    prompt(express, 3)
    expect(express, f"> {script}({LINE_OF_FAIL})application()")
    express.type("p path\n")
    expect(express, "'/fail'")
    express.type("q\n")
    assert request.result(20).status == 500
    assert express.stop(signal.SIGINT) == 0


@pytest.mark.option("debugger-startup")
@pytest.mark.parametrize("typed", ["q\n", "\x03"], ids=["quit", "ctrl-c"])
def test_leaving_the_debugger_at_the_start(express: Express, typed: str) -> None:
    express.write("app.py", APPLICATION)
    words = ("app.py", "--enable-debugger", "--debugger-startup")
    express.start(*words, terminal=True, shows=PROMPT)
    express.type(typed)
    assert express.wait() == 0
    assert "Traceback" not in express.output


def test_what_the_debugger_needs(express: Express) -> None:
    express.write("app.py", APPLICATION)
    refused = express.refused("app.py", "--debugger-startup")
    assert refused.returncode == 2
    assert "--debugger-startup needs --enable-debugger" in refused.stderr


# In files


@pytest.mark.option("enable-coverage", "enable-profiler", "enable-recorder")
def test_output_in_the_server_root(express: Express) -> None:
    script = express.write("app.py", APPLICATION)
    express.start("app.py", "--enable-coverage", "--enable-profiler", "--enable-recorder")
    directories = {
        label: Path(express.shown(f"{label} Output"))
        for label in ("Coverage", "Profiler", "Recorder")
    }
    assert [path.name for path in directories.values()] == ["htmlcov", "pstats", "archive"]
    assert {path.parent for path in directories.values()} == {express.root}
    assert enabled(express) == {
        "EXPRESS",
        "DEBUG_MODE",
        "COVERAGE_ENABLED",
        "PROFILER_ENABLED",
        "RECORDER_ENABLED",
    }
    assert express.get("/compute").body == b"hello"
    assert express.stop() == 0
    expect(express, "written: ")

    # Which lines were run: all of compute(), nothing of never_called().
    (report,) = directories["Coverage"].glob("*app_py.html")
    lines = re.findall(r'<p class="(\w+)[^"]*"><span class="n"><a id="t(\d+)"', report.read_text())
    classes = {int(number): name for name, number in lines}
    source = APPLICATION.splitlines()
    assert classes[source.index("        sum(range(500))") + 1] == "run"
    assert classes[source.index("    return 1") + 1] == "mis"

    # What took the time.
    (name,) = (path.stem for path in directories["Profiler"].glob("*.pstats"))
    assert re.fullmatch(r"\d{16}-\d+", name)
    profile = pstats.Stats(str(directories["Profiler"] / f"{name}.pstats"))
    called = {(file, function) for file, _, function in profile.stats}  # type: ignore[attr-defined]
    assert (str(script), "compute") in called
    assert (str(script), "never_called") not in called
    graph = ElementTree.parse(directories["Profiler"] / f"{name}.svg")
    titles = [title.text or "" for title in graph.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith(f"app.compute\n{script}:") for title in titles), titles


@pytest.mark.option("coverage-directory", "profiler-directory", "recorder-directory")
def test_output_in_directories_of_ones_own(express: Express) -> None:
    """As the application's user writes them; and what is recorded of each request."""
    express.write("app.py", APPLICATION)
    parent = express.root.parent / "output"
    parent.mkdir(mode=0o777)
    parent.chmod(0o777)
    words = [
        word
        for name in ("coverage", "profiler", "recorder")
        for word in (f"--enable-{name}", f"--{name}-directory", str(parent / name / "deep"))
    ]
    express.start("app.py", *words)
    archive = parent / "recorder" / "deep"
    for path in archive.iterdir():  # of the request that waited for the start
        path.unlink()
    answer = express.post("/write", b"what came in")
    assert (answer.status, answer.body) == (201, b"written what came in")
    assert express.get("/fail").status == 500
    assert not express.get("/cut").complete
    assert express.stop() == 0

    inputs = [json.loads(text) for text in files(archive, "iheaders")]
    assert [item["PATH_INFO"] for item in inputs] == ["/write", "/fail", "/cut"]
    assert inputs[0]["CONTENT_LENGTH"] == "12"
    assert files(archive, "icontent") == [b"what came in", b"", b""]
    outputs = [json.loads(text) for text in files(archive, "oheaders")]
    assert outputs[0] == {"status": "201 Created", "headers": [["Content-Type", "text/plain"]]}
    assert files(archive, "ocontent") == [b"written what came in", b"", b"one "]
    (raised,) = files(archive, "oaexcept")
    assert b"ValueError: <b>no</b>" in raised
    (raised,) = files(archive, "orexcept")
    assert b"KeyError: 'too late'" in raised
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in archive.iterdir())
    assert (parent / "coverage" / "deep" / "index.html").is_file()
    assert len(list((parent / "profiler" / "deep").glob("*.svg"))) == 1


def test_output_that_cannot_be_written(express: Express) -> None:
    express.write("app.py", APPLICATION)
    refused = express.refused("app.py", "--enable-profiler", "--profiler-directory", "/proc/mine")
    assert refused.returncode == 2
    assert "cannot use --profiler-directory /proc/mine" in refused.stderr
    alone = express.refused("app.py", "--setup-only", "--recorder-directory", "/nowhere")
    assert alone.returncode == 0
    assert "--recorder-directory has no effect without --enable-recorder" in alone.stderr
    assert not Path("/nowhere").exists()


# gdb


@pytest.mark.option("gdb-executable")
def test_another_gdb(express: Express) -> None:
    """The program that was named runs Apache, and nothing else does."""
    express.write("app.py", APPLICATION)
    gdb = express.write(
        "my gdb",
        '#!/bin/sh\necho "gdb was given: $*"\n'
        'while [ "$1" != --args ]; do shift; done\nshift\nexec "$@"\n',
    )
    gdb.chmod(0o755)
    express.start("app.py", "--enable-gdb", "--gdb-executable", "./my gdb")
    expect(express, "gdb was given: ")
    assert "-ex run --args" in express.output
    assert "GDB_ENABLED" in enabled(express)
    assert express.stop() == 0
    missing = express.refused("app.py", "--enable-gdb", "--gdb-executable", "/nowhere/gdb")
    assert missing.returncode == 2
    assert "/nowhere/gdb is not there" in missing.stderr


def _gdb_works() -> bool:
    if shutil.which("gdb") is None:
        return False
    done = subprocess.run(
        ["gdb", "-q", "-batch", "-ex", "run", "--args", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "exited normally" in done.stdout


@pytest.mark.option("enable-gdb")
@pytest.mark.skipif(not _gdb_works(), reason="there is no gdb here, or it may trace nothing")
def test_gdb(express: Express) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py", "--enable-gdb", terminal=True)
    assert express.get().body == b"hello"
    family = express.family()
    assert len(family) > 1
    express.type("\x03")
    expect(express, "SIGINT")
    express.type("kill inferiors 1\nquit\n")
    assert express.wait() == 0
    express._require_gone(family)
