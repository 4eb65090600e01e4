"""--reload-on-changes: a file is saved, and the next answers are those of the new code; none is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import rolls, wait
from support.express import REPO, Express

pytestmark = pytest.mark.no_asan

APPLICATION = """
import helper

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [helper.ANSWER]
"""
PACKAGE = REPO / "python"
NO_WATCHFILES = "raise ImportError('as if it were not installed')\n"


def save(path: Path, text: str) -> None:
    """As editors do: a file beside it, which takes its place."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)


def answer(express: Express) -> bytes:
    response = express.get()
    assert response.complete
    return bytes(response.body)


def start(express: Express, *words: str, entry: str = "app.py") -> Callable[[], bytes]:
    express.start(entry, "--reload-on-changes", *words)
    return lambda: answer(express)


@pytest.fixture(params=["watchfiles", "polling"])
def site(request: pytest.FixtureRequest, express: Express) -> Express:
    """A site with one module, with and without the package that watches files."""
    if request.param == "polling":
        express.write("watchfiles.py", NO_WATCHFILES)
    express.write("app.py", APPLICATION)
    express.write("helper.py", "ANSWER = b'one'\n")
    return express


@pytest.mark.option("reload-on-changes")
@pytest.mark.parametrize("kind", ["script", "module"])
def test_saved_files(site: Express, kind: str) -> None:
    """A module, thrice within a second and of the same size; the script; a mistake, and what mends it."""
    entry = "app.py" if kind == "script" else "app"
    ask = start(site, "--application-type", kind, entry=entry)
    assert ask() == b"one"
    helper, app = site.site / "helper.py", site.site / "app.py"
    for old, new in (("one", "two"), ("two", "six"), ("six", "ten")):
        save(helper, f"ANSWER = b'{new}'\n")
        rolls.until_equal(ask, old.encode(), new.encode())
    app.write_text(APPLICATION.replace("helper.ANSWER", "helper.ANSWER + b' again'"))
    rolls.until_equal(ask, b"ten", b"ten again")
    save(helper, "ANSWER = \n")
    wait.until(lambda: "SyntaxError" in site.error_log, "the mistake in the log")
    assert ask() == b"ten again"
    save(helper, "ANSWER = b'mended'\n")
    rolls.until_equal(ask, b"ten again", b"mended again")
    assert "helper.py has changed" in site.error_log


def test_a_mistake_in_a_new_package(site: Express) -> None:
    """What nobody has imported yet is what has to be mended."""
    ask = start(site)
    assert ask() == b"one"
    site.write("pack/inner/__init__.py", "ANSWER = wrong\n")
    site.write("pack/__init__.py", "from pack.inner import ANSWER\n")
    save(site.site / "helper.py", "from pack import ANSWER\n")
    wait.until(lambda: "NameError" in site.error_log, "the mistake in the log")
    assert ask() == b"one"
    site.write("pack/inner/__init__.py", "ANSWER = b'packed'\n")
    rolls.until_equal(ask, b"one", b"packed")


def test_a_mistake_at_the_start(site: Express) -> None:
    site.write("helper.py", "import package_to_come\nANSWER = package_to_come.ANSWER\n")
    site.start("app.py", "--reload-on-changes")
    assert site.get().status == 500
    site.write("package_to_come/__init__.py", "ANSWER = b'come'\n")
    wait.until(lambda: site.get().body == b"come", "the correction to be noticed")
    save(site.site / "helper.py", "ANSWER = b'one'\n")
    rolls.until_equal(lambda: answer(site), b"come", b"one")


def test_several_processes(express: Express) -> None:
    express.write("app.py", "import os\n" + APPLICATION.replace("helper.ANSWER", "WORDS"))
    app = express.site / "app.py"
    text = app.read_text().replace("WORDS", "b'%s %d' % (helper.ANSWER, os.getpid())")
    app.write_text(text)
    helper = express.write("helper.py", "ANSWER = b'one'\n")
    ask = start(express, "--processes", "3")
    served: dict[bytes, set[bytes]] = {b"one": set(), b"two": set()}

    def version() -> bytes:
        word, pid = ask().split()
        served[word].add(pid)
        return word

    wait.until(lambda: version() == b"one" and len(served[b"one"]) == 3, "answers of all three")
    save(helper, "ANSWER = b'two'\n")
    rolls.until_equal(version, b"one", b"two", processes=3)
    wait.until(lambda: version() == b"two" and len(served[b"two"]) == 3, "answers of all three")
    assert served[b"one"].isdisjoint(served[b"two"])


def test_files_that_the_application_names(express: Express) -> None:
    express.write(
        "app.py",
        "from mod_pywsgi.reloader import track_changes\n"
        "track_changes('page.html')\n"
        "PAGE = open('page.html', 'rb').read()\n"
        + APPLICATION.replace("import helper", "").replace("helper.ANSWER", "PAGE"),
    )
    page = express.write("page.html", "<p>one")
    ask = start(express)
    assert ask() == b"<p>one"
    save(page, "<p>two")
    rolls.until_equal(ask, b"<p>one", b"<p>two")


def test_written_while_it_is_imported(express: Express) -> None:
    """The successor has read a text already when the next one comes: it is replaced too."""
    express.write("app.py", "import helper, late\n" + APPLICATION)
    helper = express.write("helper.py", "ANSWER = b'one'\n")
    late = (
        "import os, time\nprint('importing')\nwhile os.path.exists('slow'):\n    time.sleep(0.01)\n"
    )
    express.write("late.py", late)
    ask = start(express)
    assert ask() == b"one"
    imports = express.error_log.count("importing")
    express.write("slow", "")
    save(helper, "ANSWER = b'two'\n")
    wait.until(lambda: express.error_log.count("importing") > imports, "a successor to import")
    save(helper, "ANSWER = b'three'\n")
    (express.site / "slow").unlink()
    rolls.until_new(ask, lambda got: got in (b"one", b"two"), lambda got: got == b"three")


def test_a_request_that_runs(express: Express) -> None:
    """It began with the old code, and ends with it."""
    slow = "    while environ['PATH_INFO'] == '/slow' and not os.path.exists('go'):\n"
    text = "import os, time\n" + APPLICATION
    express.write(
        "app.py", text.replace("    return", f"{slow}        time.sleep(0.01)\n    return")
    )
    helper = express.write("helper.py", "ANSWER = b'one'\n")
    ask = start(express)
    assert ask() == b"one"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(express.get, "/slow")
        wait.until(lambda: " 1/5 " in status(express), "the request to run")
        save(helper, "ANSWER = b'two'\n")
        rolls.until_equal(ask, b"one", b"two")
        assert not running.done()
        express.write("go", "")
        assert running.result().body == b"one"


def status(express: Express) -> str:
    return express.run("status", "--server-root", str(express.root)).stdout


@pytest.mark.parametrize("mode", ["--debug-mode", "--embedded-mode"])
def test_where_nothing_is_replaced(express: Express, mode: str) -> None:
    express.write("app.py", APPLICATION)
    helper = express.write("helper.py", "ANSWER = b'one'\n")
    ask = start(express, mode)
    assert "nothing is reloaded" in express.output
    family = express.family()
    save(helper, "ANSWER = b'two'\n")
    wait.holds(lambda: ask() == b"one", "the old code to serve", 0.6)
    assert express.family() == family


def test_a_server_that_express_did_not_start(start) -> None:
    """By a call in the script; in embedded mode that says that it does nothing."""
    script = (
        "import helper\nfrom mod_pywsgi.reloader import start_reloader\nstart_reloader()\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [helper.ANSWER]\n"
    )
    server = start(
        f"WSGIDaemonProcess web python-path=@ROOT@/lib:{PACKAGE}\nWSGIPythonPath {PACKAGE}:@ROOT@/lib\n"
        "WSGIScriptAlias /x @ROOT@/x.py process-group=web application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /y @ROOT@/y.py process-group=%{GLOBAL} application-group=%{GLOBAL}\n",
        files={"lib/helper.py": "ANSWER = b'one'\n", "x.py": script, "y.py": script},
    )
    ask = lambda: server.get("/x").body  # noqa: E731
    assert ask() == b"one"
    server.expect_new_processes()
    save(server.root / "lib" / "helper.py", "ANSWER = b'two'\n")
    rolls.until_equal(ask, b"one", b"two")
    server.log.claim("helper.py has changed")
    assert server.get("/y").status == 200
    server.log.claim("only a process of a process group is replaced")
