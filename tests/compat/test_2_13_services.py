"""Sections 1.3, 1.8, 1.10, 2.13, 3.5, 3.7: what a program of a threads=0 group is told and asked for."""

from __future__ import annotations

import json
import os
import signal

import pytest

from support import procs, wait

GROUP = "WSGIDaemonProcess service threads=0"
SCRIPT = "WSGIImportScript @ROOT@/service.py process-group=service application-group=%{GLOBAL}\n"

SERVICE = """
import atexit, json, os, signal, sys, threading, time
import apache, mod_wsgi
SCRATCH = '@SCRATCH@'
def leave(name, text=''):
    with open(f'{SCRATCH}/{name}.part', 'w') as file:
        file.write(text)
    os.rename(f'{SCRATCH}/{name}.part', f'{SCRATCH}/{name}-{os.getpid()}')
handled = []
signal.signal(signal.SIGUSR2, lambda number, frame: handled.append(number))
os.kill(os.getpid(), signal.SIGUSR2)
while not handled:
    time.sleep(0.01)
atexit.register(leave, 'atexit')
mod_wsgi.subscribe_events(lambda name, **fields: leave(name))
facts = {
    'main': threading.current_thread() is threading.main_thread(),
    'handler': repr(signal.getsignal(signal.SIGTERM)),
    'name': __name__.startswith('_mod_wsgi_'),
    'argv': sys.argv,
    'process_group': mod_wsgi.process_group,
    'application_group': mod_wsgi.application_group,
    'maximum_processes': mod_wsgi.maximum_processes,
    'threads_per_process': mod_wsgi.threads_per_process,
    'metrics': mod_wsgi.process_metrics() is not None,
}
try:
    leave('facts', json.dumps(facts))
    time.sleep(600)
finally:
    leave('finally', sys.exc_info()[0].__name__)
"""


@pytest.fixture
def service(start):
    def service(options="", rest="", code=SERVICE):
        return start(f"{GROUP} {options}\n{SCRIPT}{rest}", files={"service.py": code})

    return service


def left(server, name):
    """What processes have left by that name: text by process id."""
    return {
        int(path.name.rsplit("-", 1)[1]): path.read_text()
        for path in server.scratch.glob(f"{name}-*")
    }


def wait_left(server, name, count=1):
    wait.until(lambda: len(left(server, name)) >= count, f"{count} of {name}", 15)
    return left(server, name)


@pytest.mark.parametrize("restricted", ["", "WSGIRestrictSignal On\n"])
def test_what_it_finds(service, restricted):
    server = service("processes=2", restricted)
    for text in wait_left(server, "facts", 2).values():
        assert json.loads(text) == {
            "main": True,
            "handler": "<built-in function system_exit>",
            "name": True,
            "argv": ["mod_wsgi"],
            "process_group": "service",
            "application_group": "",
            "maximum_processes": 2,
            "threads_per_process": 0,
            "metrics": False,
        }
    assert not server.log.find("PYW0111")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "stop"])
def test_the_end_is_system_exit_in_the_main_thread(service, how):
    server = service()
    [pid] = wait_left(server, "facts")
    if how == "stop":
        assert server.stop() == []
    else:
        os.kill(pid, signal.Signals[how])
    wait.until(lambda: not procs.alive(pid), "the process to end")
    assert left(server, "finally") == {pid: "SystemExit"}
    assert left(server, "atexit") == {pid: ""}
    assert left(server, "process_stopping") == {pid: ""}
    assert not left(server, "request_started")


def test_it_is_started_again(service):
    server = service()
    [pid] = wait_left(server, "facts")
    os.kill(pid, signal.SIGTERM)
    assert len(wait_left(server, "facts", 2)) == 2


def test_it_reports_to_no_telemetry_service(service):
    server = service(rest="WSGITelemetryService unix:@ROOT@/nobody.sock\n")
    wait_left(server, "facts")
    assert not server.log.find("PYW0128")
    pid = next(iter(left(server, "facts")))
    assert not any("nobody" in name for name in procs.fds(pid).values())


def test_the_options_of_any_group(service):
    code = """
import os, time
with open('@SCRATCH@/facts.part', 'w') as file:
    file.write(f"{os.getcwd()} {os.nice(0)} {os.environ['COLOUR']} {os.umask(0o22):o}")
os.rename('@SCRATCH@/facts.part', f'@SCRATCH@/facts-{os.getpid()}')
time.sleep(600)
"""
    server = service(
        "home=/usr cpu-priority=3 env=COLOUR=red umask=007 display-name=mine", code=code
    )
    [(pid, text)] = wait_left(server, "facts").items()
    assert text == "/usr 3 red 7"
    assert procs.command(pid) == ["mine"]
