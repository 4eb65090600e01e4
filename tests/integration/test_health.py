"""`SetHandler pywsgi-health` and `pywsgi-ready`: what probes hear, answered without Python."""

from __future__ import annotations

import concurrent.futures
import os
import signal

import pytest

from support import procs, wait

PLACES = """
Alias /alive @ROOT@/htdocs/alive
<Location "/-/health">
    SetHandler pywsgi-health
    Require all granted
</Location>
<Location "/-/ready">
    SetHandler pywsgi-ready
    Require all granted
</Location>
"""
SITE = """
WSGIDaemonProcess web {options}
WSGIScriptAlias / @ROOT@/app.wsgi process-group=web application-group=%{{GLOBAL}}
"""
SCRIPT = """
import os, time

scratch = {scratch!r}
while os.path.exists(scratch + "/hold"):
    time.sleep(0.01)
if os.path.exists(scratch + "/broken"):
    raise ValueError("no database")

def application(environ, start_response):
    while environ["PATH_INFO"] == "/stuck":
        time.sleep(0.05)
    if environ["PATH_INFO"] == "/slow":
        open(scratch + "/runs", "w").close()
        while not os.path.exists(scratch + "/go"):
            time.sleep(0.01)
        start_response("410 Gone", [])
        return []
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def write_script(server):
    server.write("app.wsgi", SCRIPT.format(scratch=str(server.scratch)))


@pytest.fixture
def run(start):
    """A site that is served by one group, whose import the test may hold or break."""

    def run(options="", extra="", before=(), **settings):
        def prepare(server):
            write_script(server)
            for name in before:
                (server.scratch / name).touch()

        return start(PLACES + extra + SITE.format(options=options), prepare=prepare, **settings)

    return run


def ready(server):
    """Status, and how the groups are."""
    answer = server.get("/-/ready")
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/json"
    said = answer.json()
    assert said["ready"] == (answer.status == 200)
    assert ("why" in said) == (answer.status == 503)
    return answer.status, said["groups"]


def healthy(server):
    answer = server.get("/-/health")
    assert answer.json()["healthy"] == (answer.status == 200)
    return answer.status


def becomes(server, status, condition):
    wait.until(lambda: ready(server) == (status, {"web": condition}), f"{condition}, {status}")


def test_it_is_ready_once_a_process_is_and_not_when_that_dies(run):
    server = run(before=["hold"])
    server.expect_new_processes()
    server.log.allow("PYW0002|PYW0003")
    assert ready(server) == (503, {"web": "starting"})
    assert healthy(server) == 200
    (server.scratch / "hold").unlink()
    becomes(server, 200, "ready")
    # The alias of everything else does not get these, and gets all others.
    pid = int(server.get("/-/other").text)

    (server.scratch / "hold").touch()
    os.kill(pid, signal.SIGKILL)
    becomes(server, 503, "starting")
    assert healthy(server) == 200
    (server.scratch / "hold").unlink()
    becomes(server, 200, "ready")
    assert int(server.get("/").text) != pid


@pytest.mark.parametrize("options", ["", "preload=On"])
def test_an_application_that_does_not_import_is_not_ready_until_it_does(run, options):
    server = run(options, before=["broken"])
    server.expect_new_processes()
    server.log.claim_traceback("ValueError: no database")
    server.log.allow("PYW0101|PYW0102|ValueError|Traceback|File|PYW")
    becomes(server, 503, "failed")
    assert server.get("/").status == 500
    (server.scratch / "broken").unlink()
    # Without a new process: it tries again with a request, when its back-off is over.
    wait.until(lambda: server.get("/").status == 200, "the import")
    becomes(server, 200, "ready")


def test_new_code_that_does_not_import_leaves_the_old_one_ready(run):
    server = run()
    server.expect_new_processes()
    server.log.allow("PYW|ValueError|Traceback|File")
    becomes(server, 200, "ready")
    pid = server.get("/").text
    (server.scratch / "broken").touch()
    os.kill(int(pid), signal.SIGUSR1)
    wait.until(lambda: server.log.find("PYW0023"), "the successor to fail")
    assert ready(server) == (200, {"web": "ready"})
    assert server.get("/").text == pid
    (server.scratch / "broken").unlink()


def test_a_process_that_cannot_be_started(run):
    server = run("daemon-program=/bin/false")
    server.log.allow("PYW")
    becomes(server, 503, "failed")
    assert healthy(server) == 200


def test_threads_that_are_all_stuck(run):
    server = run("request-timeout=1 graceful-timeout=1 shutdown-timeout=1 threads=1")
    server.expect_new_processes()
    server.log.allow(".*")
    becomes(server, 200, "ready")
    (server.scratch / "hold").touch()  # the next process is not ready so soon
    assert server.get("/stuck").status == 504
    becomes(server, 503, "starting")
    (server.scratch / "hold").unlink()
    becomes(server, 200, "ready")


def test_asleep_and_programs_count_as_ready(run):
    server = run(
        "inactivity-timeout=1",
        extra="WSGIDaemonProcess jobs threads=0\n"
        "WSGIImportScript @ROOT@/job.py process-group=jobs application-group=%{GLOBAL}\n",
        files={"job.py": "import threading\nthreading.Event().wait()\n"},
    )
    server.expect_new_processes()
    wait.until(lambda: server.get("/").status == 200, "the application")
    wait.until(
        lambda: ready(server) == (200, {"web": "asleep", "jobs": "program"}), "it to sleep", 20
    )
    assert server.get("/").status == 200


def test_the_old_processes_count_over_a_graceful_restart(run):
    server = run()
    server.expect_new_processes()
    becomes(server, 200, "ready")
    (server.scratch / "hold").touch()
    server.graceful()
    wait.until(lambda: len(server.daemons()) == 2, "the new process")
    assert ready(server) == (200, {"web": "ready"})
    (server.scratch / "hold").unlink()
    wait.until(lambda: len(server.daemons()) == 1, "the end of the old one")
    assert ready(server) == (200, {"web": "ready"})


def test_a_supervisor_that_is_stuck_is_unhealthy(run):
    server = run()
    becomes(server, 200, "ready")
    supervisor = procs.parent(server.daemons()[0])
    os.kill(supervisor, signal.SIGSTOP)
    try:
        wait.until(lambda: healthy(server) == 503, "signs of life to be missed", 20)
        assert ready(server) == (503, {"web": "ready"})
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait.until(lambda: healthy(server) == 200, "its next sign of life")
    assert ready(server) == (200, {"web": "ready"})


def refused(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_server_that_stops_is_not_ready(run):
    """Asked in the stead of a request that ends when the server has begun to stop."""
    server = run(
        extra="GracefulShutdownTimeout 10\nWSGIErrorOverride On\nErrorDocument 410 /-/ready\n"
    )
    becomes(server, 200, "ready")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "/slow")
        wait.until((server.scratch / "runs").exists, "the request to run")
        server.signal(signal.SIGWINCH)
        wait.until(lambda: refused(server), "the port to be closed")
        (server.scratch / "go").touch()
        answer = slow.result()
    assert answer.json()["why"] == "the server stops"
    assert not answer.json()["ready"]
    server.stop()


def test_without_groups(start):
    server = start(
        PLACES + "WSGIScriptAlias / @APPS@/hello/wsgi.py\nWSGIApplicationGroup %{GLOBAL}\n"
    )
    assert server.get("/-/health").json() == {"healthy": True}
    assert server.get("/-/ready").json() == {"groups": {}, "ready": True}
    assert server.get("/").status == 200


def test_who_may_ask_is_for_location_to_say(run):
    server = run(
        extra="""
            <Directory />
                Require all denied
            </Directory>
            <Directory @ROOT@/htdocs>
                Require all granted
            </Directory>
            <Location "/-/ready">
                Require ip 192.0.2.1
            </Location>
        """,
    )
    assert server.get("/").status == 403
    assert server.get("/-/health").status == 200
    assert server.get("/-/ready").status == 403
    server.log.claim("AH01630", at_least=2)


@pytest.mark.parametrize("path", ["/-/health", "/-/ready"])
def test_methods(run, path):
    server = run()
    becomes(server, 200, "ready")
    whole = server.get(path)
    head = server.request("HEAD", path)
    assert head.status == 200
    assert head.body == b""
    assert head.header("Content-Length") == str(len(whole.body))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = server.request(method, path)
        assert answer.status == 405
        assert "GET" in answer.header("Allow")


def test_no_script_takes_their_names(configtest):
    status, words = configtest("WSGIHandlerScript pywsgi-ready @APPS@/hello/wsgi.py\n")
    assert status != 0
    assert "pywsgi-ready" in words
