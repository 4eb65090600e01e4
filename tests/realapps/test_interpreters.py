"""interpreters=: one application in several interpreters of one process (Python 3.12 or newer)."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from realapps import under_load
from support import inline, wait
from support.httpd import HttpdInstance
from support.inline import value
from support.venvs import Venv

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

CONF = """
WSGIDaemonProcess web python-home={home} python-path=@ROOT@/lib {options}
WSGIProcessGroup web
SetEnv test.scratch @SCRATCH@
WSGIScriptAlias /main @APPS@/inline/wsgi.py process-group=web application-group=%{{GLOBAL}}
WSGIScriptAlias /named @APPS@/inline/wsgi.py process-group=web application-group=a
WSGIScriptAlias /own @ROOT@/lib/own.wsgi process-group=web application-group=%{{GLOBAL}}
WSGIImportScript @ROOT@/lib/warm.wsgi process-group=web application-group=%{{GLOBAL}}
WSGIImportScript @ROOT@/lib/warm.wsgi process-group=web application-group=a
WSGIScriptAlias /late @ROOT@/lib/late application-group=late
"""
# Each interpreter leaves a mark when it loads, and says which one serves.
OWN = """
import os
mark = os.urandom(8).hex()
open("@SCRATCH@/loaded-" + mark, "w").close()

def application(environ, start_response):
    start_response("200 OK", [])
    return [mark.encode()]
"""
# Python itself needs the main GIL to import an extension for the first time: not while it is kept.
WARM = "import locale, warnings, modern"
# 0 in the first interpreter, else 1: only the first can fork.
LANE = 'int(not hasattr(os.fork, "__self__"))'
KEEP = f"""
    import modern
    lane = {LANE}
    open(environ["test.scratch"] + f"/kept-{{lane}}", "w").close()
    modern.keep(environ["test.scratch"] + f"/go on-{{lane}}")
    start_response("200 OK", [])
    return [b"kept"]
"""
WAIT = f"""
    lane = {LANE}
    open(environ["test.scratch"] + f"/kept-{{lane}}", "w").close()
    while not os.path.exists(environ["test.scratch"] + f"/go on-{{lane}}"):
        time.sleep(0.001)
    start_response("200 OK", [])
    return [b"waited"]
"""
FRAMES = r"^\[pid \d+\] (Traceback| {2,})"
PATHS = ["/main", "/named"]

Start = Callable[..., HttpdInstance]
Serve = Callable[..., HttpdInstance]


@pytest.fixture
def serve(start: Start, modern_venv: Venv, extensions: Path) -> Serve:
    """`serve(options, own=SCRIPT)`: two interpreters with a thread each, if not told otherwise."""

    def serve(
        options: str = "",
        *,
        own: str = OWN,
        extra: str = "",
        size: str = "threads=2 interpreters=2",
    ) -> HttpdInstance:
        def prepare(server: HttpdInstance) -> None:
            shutil.copytree(extensions, server.root / "lib", dirs_exist_ok=True)
            (server.root / "lib").chmod(0o755)
            server.write("lib/own.wsgi", server.fill(own))
            server.write("lib/warm.wsgi", WARM)
            server.write("lib/late/own.wsgi", server.fill(own))

        conf = CONF.format(home=modern_venv.root, options=f"{size} {options}")
        server = start(conf, prepare=prepare)
        assert server.get("/own").status == 200  # the process is ready
        return server

    return serve


@contextmanager
def only(server: HttpdInstance, lane: int, code: str = WAIT) -> Iterator[None]:
    """Of the two threads of /main, each with an interpreter of its own, that of `lane` alone is free."""
    requests = [
        threading.Thread(target=inline.run, args=(server, code), kwargs={"path": "/main"})
        for _ in range(2)
    ]
    for request in requests:
        request.start()
    try:
        for each in (0, 1):
            wait.until((server.scratch / f"kept-{each}").exists, f"interpreter {each} to be busy")
        (server.scratch / f"go on-{lane}").touch()
        yield
    finally:
        for each in (0, 1):
            (server.scratch / f"go on-{each}").touch()
        for request in requests:
            request.join()
        for name in ("go on", "kept"):
            for each in (0, 1):
                (server.scratch / f"{name}-{each}").unlink(missing_ok=True)


def at_once(server: HttpdInstance, path: str, number: int = 40, threads: int = 4) -> Counter[Any]:
    """Statuses and bodies of so many requests from each of so many clients."""
    found: Counter[Any] = Counter()

    def work() -> None:
        for _ in range(number):
            response = server.get(path, timeout=60)
            found[response.status, response.body] += 1

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def loaded(server: HttpdInstance) -> set[str]:
    return {path.name for path in server.scratch.glob("loaded-*")}


def has_loaded(server: HttpdInstance, times: int) -> bool:
    return len(loaded(server)) >= times


def test_a_gil_that_is_kept_stops_no_other_request(serve: Serve) -> None:
    server = serve()
    for lane in (0, 1):
        with only(server, lane, KEEP):
            for _ in range(3):
                assert value(server, LANE, "/main") == lane
    assert len({value(server, "os.getpid()", "/main") for _ in range(10)}) == 1


def test_what_an_application_sees(serve: Serve) -> None:
    server = serve("switch-interval=0.25")
    seen = """{
        "group": environ["mod_wsgi.application_group"],
        "module": __import__("mod_wsgi").application_group,
        "multiprocess": environ["wsgi.multiprocess"],
        "multithread": environ["wsgi.multithread"],
        "path": sys.path,
        "interval": sys.getswitchinterval(),
        "main thread": threading.main_thread().ident,
        "is main": threading.current_thread() is threading.main_thread(),
    }"""
    found = []
    for lane in (0, 1):
        with only(server, lane):
            found.append(value(server, seen.replace("\n", " "), "/main"))
    assert found[0] == found[1]
    assert found[0]["multiprocess"] is found[0]["multithread"] is True
    assert found[0]["is main"] is False
    assert found[0]["interval"] == 0.25
    assert found[0]["group"] == found[0]["module"] == ""


def test_a_group_with_a_name_has_several_too(serve: Serve) -> None:
    server = serve(size="threads=6 interpreters=3")
    mark = """
        mark = KEPT.setdefault("mark", os.urandom(8).hex())
        open(f"{environ['test.scratch']}/met-{mark}", "w").close()
        start_response("200 OK", [("X-Group", environ["mod_wsgi.application_group"])])
        time.sleep(0.01)
        return [b"x"]
    """

    def ask() -> None:
        for _ in range(20):
            assert inline.run(server, mark, path="/named").header("X-Group") == "a"

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(server.scratch.glob("met-*"))) == 3


def test_all_have_loaded_before_the_first_request(serve: Serve) -> None:
    server = serve(size="threads=8 interpreters=4")
    assert len(loaded(server)) == 4
    found = at_once(server, "/own")
    assert {f"loaded-{body.decode()}" for _, body in found} <= loaded(server)
    assert {status for status, _ in found} == {200}
    assert len(loaded(server)) == 4


def test_a_script_that_is_found_late(serve: Serve) -> None:
    server = serve()
    before = len(loaded(server))
    with only(server, 1):
        assert server.get("/late/own.wsgi").status == 200  # the first interpreter leads
        assert len(loaded(server)) == before + 1
        assert server.get("/late/own.wsgi").status == 200
        assert len(loaded(server)) == before + 2


def test_a_changed_script_is_loaded_by_all(serve: Serve) -> None:
    server = serve()
    before = loaded(server)
    assert len(before) == 2
    failures: list[int] = []
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            response = server.get("/own", timeout=60)
            if response.status != 200:
                failures.append(response.status)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    server.expect_new_processes()
    script = server.root / "lib" / "own.wsgi"
    for generation in (2, 3):
        script.write_text(script.read_text() + "\n")
        wait.until(partial(has_loaded, server, 2 * generation), "both to load it again")
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_exit_functions_and_shutdown_callbacks_run_in_each(serve: Serve) -> None:
    own = OWN + (
        "import atexit, mod_wsgi\n"
        'atexit.register(lambda: open("@SCRATCH@/ended-" + mark, "w").close())\n'
        "def stop(*_, **more):\n"
        '    open("@SCRATCH@/stopping-" + mark, "w").close()\n'
        "mod_wsgi.subscribe_shutdown(stop)\n"
    )
    server = serve(own=own)
    marks = {name.removeprefix("loaded-") for name in loaded(server)}
    assert server.stop() == []
    for what in ("ended", "stopping"):
        found = {path.name for path in server.scratch.glob(f"{what}-*")}
        assert found == {f"{what}-{mark}" for mark in marks}


def test_warmup_is_asked_in_each(serve: Serve) -> None:
    own = OWN.replace(
        "    start_response", '    open("@SCRATCH@/warm-" + mark, "w").close()\n    start_response'
    )
    server = serve("warmup=/own", own=own)
    marks = {name.removeprefix("loaded-") for name in loaded(server)}
    assert {path.name for path in server.scratch.glob("warm-*")} == {
        f"warm-{mark}" for mark in marks
    }


# --- what one of them cannot do ---------------------------------------------------------------


OLD = "import old\n"
CAUGHT = "try:\n    import old\nexcept ImportError:\n    old = None\n"


def test_an_extension_that_refuses_is_said_and_fails_no_request(serve: Serve) -> None:
    server = serve(own=OLD + OWN, size="threads=8 interpreters=4")
    [line] = server.log.claim("PYW0122")
    assert "extension module old," in line.text
    assert "processes=4" in line.text
    server.log.allow(FRAMES)
    server.log.claim_traceback(
        "ImportError: module old does not support loading in subinterpreters"
    )
    found = at_once(server, "/own")
    [(status, body)] = found
    assert status == 200
    assert loaded(server) == {f"loaded-{body.decode()}"}


def test_an_extension_that_is_not_missed(serve: Serve) -> None:
    server = serve(own=CAUGHT + OWN, size="threads=6 interpreters=3")
    [line] = server.log.claim("PYW0124")
    assert "extension module old," in line.text
    assert len(loaded(server)) == 3
    assert {status for status, _ in at_once(server, "/own")} == {200}


def test_an_extension_that_a_request_wants(serve: Serve) -> None:
    server = serve()
    code = """
        import old
        start_response("200 OK", [])
        return [b"imported"]
    """
    with only(server, 1):
        assert inline.run(server, code, path="/main").status == 500
        [line] = server.log.claim("PYW0122")
        assert "extension module old," in line.text
        server.log.claim("PYW0250")
        server.log.claim_traceback("does not support loading in subinterpreters")
        # The same thread, from now on in the first interpreter.
        assert inline.run(server, code, path="/main").body == b"imported"
        assert value(server, LANE, "/main") == 0


def test_a_warmup_that_fails_in_one_has_no_victim(serve: Serve) -> None:
    own = OWN.replace("    start_response", "    import old\n    start_response")
    server = serve("warmup=/own", own=own)
    server.log.claim("PYW0122")
    server.log.allow("does not support loading in subinterpreters")
    server.log.allow("PYW0250")
    server.log.allow(FRAMES)
    found = at_once(server, "/own")
    assert len(found) == 1
    assert next(iter(found))[0] == 200


def test_a_script_that_can_be_loaded_once_only(serve: Serve) -> None:
    own = 'import os\nos.mkdir(f"@SCRATCH@/lock-{os.getpid()}")\n' + OWN
    server = serve(own=own, size="threads=4 interpreters=2")
    [line] = server.log.claim("PYW0123")
    assert "interpreter 2 of 2" in line.text
    server.log.allow(FRAMES)
    server.log.claim_traceback("FileExistsError")
    [(status, body)] = at_once(server, "/own")
    assert status == 200
    assert loaded(server) == {f"loaded-{body.decode()}"}


def test_request_timeout_comes_through_in_each(serve: Serve) -> None:
    server = serve("request-timeout=1 interrupt-timeout=20")
    code = """
        import mod_wsgi
        try:
            while True:
                time.sleep(0.01)
        except mod_wsgi.RequestTimeout:
            start_response("200 OK", [])
            return [b"interrupted"]
    """
    assert [inline.run(server, code, path="/main").body for _ in range(4)] == [b"interrupted"] * 4
    server.log.claim("PYW0072")


def test_environ_streams_and_threads_are_right_under_load(serve: Serve) -> None:
    server = serve(size="threads=6 interpreters=3")
    under_load.check(server, {"/main": "", "/named": "a"}, clients=4)
