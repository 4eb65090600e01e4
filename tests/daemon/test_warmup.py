"""warmup=/path: a process asks itself before it is ready."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import wait
from support.daemon import READY, Daemon
from support.zygote import Zygote

from .conftest import logged

Start = Callable[..., Daemon]

REMEMBERS = """
import json, os, sys, threading
from pathlib import Path
seen = []

def application(environ, start_response):
    seen.append({k: v for k, v in environ.items() if isinstance(v, str)})
    environ['wsgi.errors'].write('a word\\n')
    body = environ['wsgi.input'].read()
    assert body == b'', body
    path = environ['PATH_INFO']
    if path == '/raise':
        raise LookupError('cold')
    if path == '/hang':
        threading.Event().wait()
    status = {'/503': '503 Service Unavailable', '/404': '404 Not Found'}.get(path, '200 OK')
    write = start_response(status, [('Content-Type', 'text/plain')])
    return [json.dumps({'pid': os.getpid(), 'seen': seen}).encode()] * 3
"""


def write(folder: Path, text: str = REMEMBERS, name: str = "app.wsgi") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def seen_by(daemon: Daemon, script: Path) -> list[dict[str, str]]:
    """What the application saw before the request that asks."""
    body = daemon.channel().request(script, uri="/ask").body.decode()
    told = json.JSONDecoder().raw_decode(body)[0]
    seen: list[dict[str, str]] = told["seen"][:-1]
    return seen


def start(daemon: Start, script: Path, path: str, mount: str = "/", **more: object) -> Daemon:
    return daemon(preloads=[(str(script), "", mount)], warmup=path, **more)


def test_it_is_a_request_like_others(daemon: Start, tmp_path: Path) -> None:
    script = write(tmp_path)
    one = start(daemon, script, "/site/health?deep=1", mount="/site")
    (seen,) = seen_by(one, script)
    assert {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/site",
        "PATH_INFO": "/health",
        "QUERY_STRING": "deep=1",
        "REQUEST_URI": "/site/health?deep=1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "SCRIPT_FILENAME": str(script),
        "mod_wsgi.process_group": "test",
        "mod_wsgi.application_group": "",
        "mod_wsgi.callable_object": "application",
        "mod_wsgi.warmup": "1",
    }.items() <= seen.items()
    logged(one, f"Warm-up request for /site/health?deep=1 in process {one.pid} of group 'test'")
    assert "a word" in one.log


def test_its_path_is_decoded(daemon: Start, tmp_path: Path) -> None:
    script = write(tmp_path)
    one = start(daemon, script, "/my%20site/a%3Fb/%C3%A4?c=%20", mount="/my site")
    (seen,) = seen_by(one, script)
    assert {
        "SCRIPT_NAME": "/my site",
        "PATH_INFO": "/a?b/\u00c3\u00a4",
        "QUERY_STRING": "c=%20",
        "REQUEST_URI": "/my%20site/a%3Fb/%C3%A4?c=%20",
    }.items() <= seen.items()


def test_it_is_over_before_the_process_is_ready(daemon: Start, tmp_path: Path) -> None:
    script = write(
        tmp_path,
        REMEMBERS.replace(
            "    body =",
            "    while not Path(__file__).with_name('go').exists():\n"
            "        threading.Event().wait(0.01)\n"
            "    body =",
        ),
    )
    one = start(daemon, script, "/", ready=False)
    wait.until(lambda: "a word" in one.log, "the request to run")
    assert one.table.report == 0
    (tmp_path / "go").touch()
    one.wait_ready()


@pytest.mark.parametrize("path", ["/404", "/raise", "/503"])
def test_one_that_fails_is_told_and_the_process_serves(
    daemon: Start, tmp_path: Path, path: str
) -> None:
    script = write(tmp_path)
    one = start(daemon, script, path)
    assert len(seen_by(one, script)) == 1
    assert ("PYW0132" in one.log) == (path != "/404"), one.log
    assert ("the process serves all the same" in one.log) == (path != "/404")
    assert ("LookupError: cold" in one.log) == (path == "/raise")


@pytest.mark.parametrize("path", ["/raise", "/503"])
def test_a_successor_whose_request_fails_does_not_take_over(
    daemon: Start, tmp_path: Path, path: str
) -> None:
    script = write(tmp_path)
    one = daemon(
        preloads=[(str(script), "", "/")],
        entries={"option:warmup": path, "must-load": "1"},
        ready=False,
    )
    assert one.wait_end() == 3
    assert "the processes that it was to replace go on serving" in one.log


def test_time_is_limited(daemon: Start, tmp_path: Path) -> None:
    script = write(tmp_path)
    one = start(daemon, script, "/hang", startup_timeout=1)
    assert "PYW0132" in one.log
    assert "no answer within 1 s" in one.log
    assert one.channel().request(script).status == 200


def test_a_hanging_one_does_not_keep_the_process_from_ending(daemon: Start, tmp_path: Path) -> None:
    one = start(daemon, write(tmp_path), "/hang", startup_timeout=1)
    one.drain()
    assert one.wait_end() == 0


def test_several_go_to_the_script_that_serves_them(daemon: Start, tmp_path: Path) -> None:
    """The longest mount counts; a script that WSGIImportScript names comes last."""
    names = ("whole", "part", "helper")
    scripts = {name: write(tmp_path, name=f"{name}.wsgi") for name in names}
    one = daemon(
        preloads=[
            (str(scripts["helper"]), ""),
            (str(scripts["whole"]), "", "/"),
            (str(scripts["part"]), "", "/part/"),
        ],
        warmup="/part/x",
    )
    assert [seen["PATH_INFO"] for seen in seen_by(one, scripts["part"])] == ["/x"]
    assert not seen_by(one, scripts["whole"])
    assert not seen_by(one, scripts["helper"])


def test_a_path_that_no_script_serves(daemon: Start, tmp_path: Path) -> None:
    one = daemon(preloads=[(str(write(tmp_path)), "", "/part")], warmup="/partly")
    assert "PYW0132: Warm-up request for /partly" in one.log
    assert "no script that serves it is imported at start" in one.log


def test_the_callable_is_the_alias_own(daemon: Start, tmp_path: Path) -> None:
    script = write(tmp_path, REMEMBERS + "app = application\ndel application\n")
    one = daemon(preloads=[(str(script), "", "/", "app")], warmup="/")
    assert one.table.report == READY
    assert "PYW0132" not in one.log
    assert "status 200" in one.log


def test_with_preload_each_fork_asks_itself(zygote: Callable[..., Zygote], tmp_path: Path) -> None:
    script = write(tmp_path)
    one = zygote((str(script), "", "/"), warmup="/health")
    assert "a word" not in one.log
    for slot in range(2):
        fork = one.ready_fork(slot)
        wait.until(lambda fork=fork: "status 200" in fork.log, "its request")
        told = json.JSONDecoder().raw_decode(fork.get(script))[0]
        assert told["pid"] == fork.pid
        assert len(told["seen"]) == 2
