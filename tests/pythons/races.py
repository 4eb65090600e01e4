"""Many requests of many kinds at once, in a pywsgi-daemon under ThreadSanitizer without a GIL.

By tests/pythons/race. What CPython does to itself is in tsan.supp.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import machine, wait, wire
from support.daemon import Daemon

REPO = Path(__file__).parent.parent.parent
CLIENTS = 6
ROUNDS = int(os.environ.get("PYWSGI_RACE_ROUNDS", "30"))
THREADS = 4
NO_GIL: dict[str, str | bytes] = {"python:rule": "1", "python:rule:WSGIFreeThreading": "On"}

APPLICATION = """
import importlib, io, logging, sys, threading, mod_wsgi

calls = []

def hello(environ):
    return [b"hello"]

MODULES = iter("html.parser csv configparser difflib email.message wsgiref.util calendar gettext".split())

def imports(environ):
    for name in (next(MODULES, "json"), "fractions", "xml.dom.minidom"):
        importlib.import_module(name)
    return [b"imported"]

def stream(environ):
    for number in range(20):
        yield b"piece %d" % number

def upload(environ):
    stream = environ["wsgi.input"]
    first = stream.readline()
    rest = stream.read()
    return [b"%d" % (len(first) + len(rest))]

def raises(environ):
    raise ValueError("on purpose")

def late(environ):
    yield b"begun"
    raise ValueError("on purpose, later")

def logs(environ):
    print("to stdout", file=sys.stdout)
    print("to stderr", file=sys.stderr)
    environ["wsgi.errors"].write("to wsgi.errors\\n")
    logging.getLogger("race").warning("by logging")
    return [b"logged"]

def keeps(environ):
    calls.append((environ, environ["wsgi.input"]))
    del calls[:-3]
    return [b"kept"]

def elsewhere(environ):
    results = []
    def work():
        results.append(environ["wsgi.input"].read())
        environ["wsgi.errors"].write("from another thread\\n")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return [b"%d" % len(results[0])]

def metrics(environ):
    mod_wsgi.request_metrics()
    mod_wsgi.process_metrics()
    len(mod_wsgi.active_requests)
    return [b"measured"]

def subscribes(environ):
    if len(calls) < 10:
        mod_wsgi.subscribe_events(lambda name, **event: None)
    return [b"subscribed"]

def file(environ):
    return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100000))

KINDS = {function.__name__: function for function in (
    hello, imports, stream, upload, raises, late, logs, keeps, elsewhere, metrics, subscribes, file)}

def application(environ, start_response):
    body = KINDS[environ["QUERY_STRING"]](environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return body
"""
KINDS = "hello imports stream upload raises late logs keeps elsewhere metrics file".split()
FAILING = ("raises", "late")

Start = Callable[..., Daemon]


@pytest.fixture
def daemon() -> Iterator[Callable[..., Daemon]]:
    """Starts daemons of build/tsan; at the end they have to have raced nowhere."""
    program = Path(os.environ.get("PYWSGI_DAEMON") or REPO / "build" / "tsan" / "pywsgi-daemon")
    reports = machine.make_root("pywsgi-races-")
    suppressions = Path(__file__).parent / os.environ.get("PYWSGI_RACE_SUPPRESSIONS", "tsan.supp")
    sanitizer = f"suppressions={suppressions}:log_path={reports}/tsan:exitcode=0:history_size=4"
    made: list[Daemon] = []

    def start(**options: object) -> Daemon:
        options = {"threads": THREADS} | {
            name.replace("_", "-"): value for name, value in options.items()
        }
        one = Daemon(program, options=options, entries=NO_GIL, environ={"TSAN_OPTIONS": sanitizer})
        made.append(one)
        return one.wait_ready()

    yield start
    for one in made:
        one.close()
    said = "\n".join(path.read_text(errors="replace") for path in sorted(reports.iterdir()))
    machine.remove_tree(reports)
    assert not said, said


class Clients:
    """Of a daemon, each with a channel of its own."""

    def __init__(self, one: Daemon, scripts: list[Path]) -> None:
        self.one = one
        self.scripts = scripts
        self.failures: list[BaseException] = []
        self.is_over = False

    def ask(self, channel: wire.Channel, script: Path, kind: str) -> wire.Answer:
        body = [b"a line\n", b"x" * 70000] if kind in ("upload", "elsewhere") else None
        group = f"group {self.scripts.index(script)}" if kind == "hello" else ""
        answer = channel.request(script, body=body, uri=f"/?{kind}", group=group)
        answer.close()
        return answer

    def client(self, number: int, kinds: list[str]) -> None:
        try:
            turn = itertools.islice(itertools.cycle(kinds), number, number + ROUNDS)
            channel = self.one.channel(timeout=60)
            for at, kind in enumerate(turn):
                script = self.scripts[(number + at) % len(self.scripts)]
                answer = self.ask(channel, script, kind)
                if kind not in FAILING and not self.is_over:
                    assert answer.all("HEAD"), (kind, answer.log)
                    assert answer.status == 200, kind
                if answer.closed:
                    channel = self.one.channel(timeout=60)
        except BaseException as error:
            if not self.is_over:
                self.failures.append(error)

    @contextlib.contextmanager
    def storm(self, kinds: list[str]) -> Iterator[None]:
        """Every kind in turn, each client from another one on; what the block does, meanwhile."""
        threads = [threading.Thread(target=self.client, args=(at, kinds)) for at in range(CLIENTS)]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures


def scripts_of(one: Daemon) -> list[Path]:
    return [one.script(APPLICATION, f"app{number}.wsgi") for number in range(3)]


def test_kinds(daemon: Start) -> None:
    one = daemon()
    with Clients(one, scripts_of(one)).storm(KINDS):
        pass


def test_metrics(daemon: Start) -> None:
    one = daemon()
    with Clients(one, scripts_of(one)).storm(["subscribes", *KINDS, "metrics"]):
        pass


def test_timeouts(daemon: Start) -> None:
    """With everything that looks at running requests from the outside."""
    one = daemon(
        request_timeout=60, interrupt_timeout=5, inactivity_timeout=60, deadlock_timeout=60
    )
    with Clients(one, scripts_of(one)).storm(KINDS):
        for _ in range(5):
            one.stacks()


def test_changed_scripts(daemon: Start) -> None:
    one = daemon()
    scripts = scripts_of(one)
    with Clients(one, scripts).storm(["hello", "stream", "logs"]):
        for _ in range(5):
            one.script(APPLICATION, "app0.wsgi")
            one.stacks()


def test_end_under_load(daemon: Start) -> None:
    one = daemon()
    clients = Clients(one, scripts_of(one))
    with clients.storm(KINDS):
        wait.until(lambda: one.table.served > 2 * CLIENTS, "some answers", 60)
        clients.is_over = True
        one.signal(signal.SIGTERM)
    assert one.wait_end(60) == 0
