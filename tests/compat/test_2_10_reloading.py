"""Section 2.10: how scripts are loaded, and loaded again.

In embedded mode the process loads a changed script with the next request. In daemon mode the code that is
loaded goes on until a process with the new one is ready.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import math
import os
import time

import pytest

from support import procs, rolls, wait

SCRIPT = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"{version} %d" % os.getpid()]
"""


def conf(extra=""):
    return f"WSGIScriptAlias /versioned @ROOT@/app/versioned.py\n{extra}"


def put(server, version, mtime=None):
    path = server.write("app/versioned.py", SCRIPT.format(version=version))
    stamp = mtime if mtime is not None else path.stat().st_mtime
    os.utime(path, (stamp, stamp))


@pytest.fixture
def versioned(start, mode):
    def run(extra=""):
        server = start(
            conf(extra), mode=mode, files={"app/versioned.py": SCRIPT.format(version="old")}
        )
        server.expect_new_processes()
        put(server, "old", time.time() - 100)
        assert version(server) == "old"
        return server

    return run


def version(server):
    response = server.get("/versioned")
    assert response.status == 200, response.body
    return response.text.split()[0]


def becomes(server, mode, old, new):
    """At once in embedded mode; else all answers are old ones until all are new ones."""
    if mode == "embedded":
        assert [version(server) for _ in range(10)] == [new] * 10
    else:
        rolls.until_equal(lambda: version(server), old, new, 2 if mode == "daemon_multi" else 1)


def test_a_changed_script_is_loaded(versioned, mode):
    server = versioned()
    put(server, "new", time.time() + 5)
    becomes(server, mode, "old", "new")


def test_an_older_time_counts_too(versioned, mode):
    server = versioned()
    put(server, "restored", time.time() - 100_000)
    becomes(server, mode, "old", "restored")


def test_touch_replaces_the_process(versioned, mode):
    server = versioned()
    before = {server.get("/versioned").text.split()[1] for _ in range(10)}
    os.utime(server.root / "app/versioned.py", (1, 1))
    if mode == "embedded":
        assert {server.get("/versioned").text.split()[1] for _ in range(10)} == before
        return
    if mode == "daemon_multi":
        before |= {str(pid) for pid in server.daemons()}
    rolls.until_new(
        lambda: server.get("/versioned").text.split()[1],
        lambda pid: pid in before,
        lambda pid: pid not in before,
        2 if mode == "daemon_multi" else 1,
    )


def test_reloading_off(versioned, mode):
    if mode == "daemon_multi":
        pytest.skip("a process that has not loaded the script yet may load the new one")
    server = versioned("WSGIScriptReloading Off\n")
    put(server, "new", time.time() + 5)
    assert [version(server) for _ in range(10)] == ["old"] * 10


def test_no_request_is_lost_while_reloading(versioned, mode):
    server = versioned()
    versions = ["old", *(f"v{round}" for round in range(5))]
    for round, (old, new) in enumerate(itertools.pairwise(versions)):
        put(server, new, time.time() + round + 1)
        becomes(server, mode, old, new)


def test_a_script_that_breaks_and_is_mended(versioned, mode):
    """In daemon mode its code goes on as it was loaded."""
    server = versioned()
    server.write("app/versioned.py", "raise ValueError('broken')\n")
    os.utime(server.root / "app/versioned.py", (5, 5))
    if mode == "embedded":
        assert [server.get("/versioned").status for _ in range(2)] == [500, 500]
        server.log.claim_traceback("ValueError: broken")
        put(server, "mended", 7)
        wait.until(lambda: server.get("/versioned").status == 200, "the mended script")
        assert version(server) == "mended"
        return
    # A process that had not loaded it yet takes what is there.
    answers = {server.get("/versioned").status for _ in range(10)}
    assert answers == {200} or (mode == "daemon_multi" and answers == {200, 500})
    wait.until(lambda: server.log.find("PYW0023"), "the failure to be told")
    server.log.claim_traceback("ValueError: broken")
    server.log.allow("ValueError: broken")
    server.log.claim("PYW0023")
    server.log.allow(r"PYW0004|^\[pid \d+\]  ")
    put(server, "mended", 7)
    wait.until(
        lambda: {server.get("/versioned").text.split()[0] for _ in range(10)} == {"mended"},
        "the mended script",
        30,
    )


def test_a_broken_script_is_not_run_on_each_request(start, mode):
    """One log entry and no import storm, until the script changes."""
    server = start(
        "WSGIScriptAlias /broken @ROOT@/broken.py",
        mode=mode,
        files={"broken.py": "raise ValueError('only once')\n"},
    )
    begun = time.monotonic()
    for _ in range(100):
        assert server.get("/broken").status == 500
    server.log.claim_traceback("ValueError: only once")
    processes = 2 if mode == "daemon_multi" else 1
    # It is tried again after 0.1 s, 0.2 s, 0.4 s, ...: what the network mount delivers late is found.
    tries = 2 + math.log2(1 + (time.monotonic() - begun) / 0.1)
    assert len(server.log.find("ValueError: only once")) <= processes * tries


def test_a_script_that_is_removed(versioned, mode):
    server = versioned()
    (server.root / "app/versioned.py").unlink()
    assert server.get("/versioned").status == 404
    server.log.claim("PYW0201")
    put(server, "back", 9)
    becomes(server, mode, "old", "back")


def test_module_of_a_script(server):
    """Not importable by name, its own directory not on sys.path, no bytecode written."""
    found = server.get("/counter").json()
    assert found["module"].startswith("_mod_wsgi_")
    assert found["file"] == str(server.around.apps / "counter/wsgi.py")
    assert str(server.around.apps / "counter") not in server.get("/identity").json()["path"]
    assert not (server.around.apps / "counter/__pycache__").exists()


def test_first_load_happens_once_however_many_ask(start, mode):
    if mode == "daemon_multi":
        pytest.skip("each process loads for itself")
    server = start(
        "WSGIScriptAlias /slow @ROOT@/slow.py",
        mode=mode,
        files={
            "slow.py": "import os, time\n"
            "open('@SCRATCH@/loads', 'a').write('x')\ntime.sleep(0.3)\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n    return [b'x']\n"
        },
    )
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        results = [pool.submit(server.get, "/slow") for _ in range(5)]
        assert [each.result().status for each in results] == [200] * 5
    assert (server.scratch / "loads").read_text() == "x"


def test_a_script_that_loads_holds_up_no_other(start, mode):
    """In mod_wsgi one lock for all scripts of a process makes other interpreters wait."""
    import concurrent.futures

    server = start(
        "WSGIScriptAlias /slow @ROOT@/slow.py application-group=slow\n"
        "WSGIScriptAlias /fast @ROOT@/fast.py application-group=fast",
        mode=mode,
        files={
            "slow.py": "import os, time\n"
            "open('@SCRATCH@/loading', 'w').close()\n"
            "while not os.path.exists('@SCRATCH@/go'):\n    time.sleep(0.01)\n"
            + SCRIPT.format(version="slow"),
            "fast.py": SCRIPT.format(version="fast"),
        },
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "/slow")
        try:
            wait.until((server.scratch / "loading").exists, "the script to load")
            answers = [server.get("/fast").text for _ in range(4)]
        finally:
            (server.scratch / "go").touch()
        assert slow.result().text.startswith("slow ")
    assert all(text.startswith("fast ") for text in answers)


def test_what_the_module_knows_of_itself(start, mode):
    server = start(
        "WSGIScriptAlias /x @ROOT@/x.py",
        mode=mode,
        files={
            "x.py": "import hashlib, json, os, sys\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [json.dumps([__name__, __file__, __mtime__,\n"
            "        sys.modules[__name__].__name__]).encode()]\n",
        },
    )
    path = server.root / "x.py"
    name, file, mtime, found = server.get("/x").json()
    assert name == found == "_mod_wsgi_" + hashlib.md5(str(path).encode()).hexdigest()
    assert file == str(path)
    assert abs(mtime - path.stat().st_mtime) < 0.001
    assert not (server.root / "__pycache__").exists()


IMPORTS = """
import json, os, helper

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([os.getpid(), helper.loads]).encode()]
"""


def test_what_a_script_imports(start, mode):
    """In embedded mode the script alone is executed again; a new process has all anew."""
    server = start(
        "WSGIPythonPath @ROOT@/lib\nWSGIScriptAlias /x @ROOT@/x.py",
        mode=mode,
        options="python-path=@ROOT@/lib",
        files={"x.py": IMPORTS, "lib/helper.py": "import os\nloads = os.path.getmtime(__file__)\n"},
    )
    server.expect_new_processes()
    os.utime(server.root / "lib/helper.py", (10, 10))
    before = server.get("/x").json()
    os.utime(server.root / "lib/helper.py", (20, 20))
    os.utime(server.root / "x.py", (5, 5))
    if mode == "embedded":
        assert server.get("/x").json() == before
        return
    after = rolls.until_new(
        lambda: server.get("/x").json(),
        lambda answer: answer[1] == 10,
        lambda answer: answer[1] == 20,
        2 if mode == "daemon_multi" else 1,
    )
    assert after[0] != before[0]


ASKS = """
import os

def reload_required(resource):
    if os.path.exists("@SCRATCH@/broken"):
        raise KeyError(resource)
    return os.path.exists("@SCRATCH@/wanted")

def application(environ, start_response):
    global served
    served = globals().get("served", 0) + 1
    start_response("200 OK", [])
    return [b"%d" % served]
"""


@pytest.fixture(params=["embedded", "daemon"])
def asking(start, request):
    server = start(
        "WSGIScriptAlias /x @ROOT@/x.py\n<Location /x/off>\nWSGIScriptReloading Off\n</Location>",
        mode=request.param,
        files={"x.py": ASKS},
    )
    server.expect_new_processes()
    return server


def test_reload_required(asking):
    assert [asking.get("/x").text for _ in range(3)] == ["1", "2", "3"]
    (asking.scratch / "wanted").touch()
    assert asking.get("/x/off").text == "4", "not asked where reloading is off"
    if asking.daemons():  # it goes on counting until another one is ready
        wait.until(lambda: asking.get("/x").text == "1", "the module to be loaded again")
    else:
        assert asking.get("/x").text == "1"


def test_reload_required_that_fails_is_no(asking):
    assert asking.get("/x").text == "1"
    (asking.scratch / "broken").touch()
    assert asking.get("/x").text == "2"
    asking.log.claim_traceback("KeyError")
    asking.log.claim("PYW0109")
    asking.log.allow(r"^\[pid \d+\]  ")


def test_deleting_the_time_forces_reloading(start, mode):
    server = start(
        "WSGIScriptAlias /x @ROOT@/x.py",
        mode=mode,
        files={
            "x.py": "served = 0\ndef application(e, s):\n"
            "    global served, __mtime__\n    served += 1\n    del __mtime__\n"
            "    s('200 OK', [])\n    return [b'%d' % served]\n",
        },
    )
    server.expect_new_processes()
    assert [server.get("/x").text for _ in range(4)] == ["1"] * 4


def test_a_script_that_failed_leaves_no_module(start, mode):
    server = start(
        "WSGIScriptAlias /bad @ROOT@/bad.py\nWSGIScriptAlias /x @ROOT@/x.py",
        mode=mode,
        options="",
        files={
            "bad.py": "raise ValueError('bad')\n",
            "x.py": "import sys\ndef application(e, s):\n    s('200 OK', [])\n"
            "    return [repr([m for m in sys.modules if m.startswith('_mod_wsgi_')"
            " and m != __name__]).encode()]\n",
        },
    )
    for _ in range(4):
        assert server.get("/bad").status == 500
    server.log.claim_traceback("ValueError: bad")
    server.log.allow("ValueError: bad")
    assert server.get("/x").body == b"[]"


SLOW = """
import os, time

def application(environ, start_response):
    if environ["QUERY_STRING"] == "wait":
        open("@SCRATCH@/running", "w").close()
        while not os.path.exists("@SCRATCH@/go"):
            time.sleep(0.01)
    start_response("200 OK", [])
    return [b"%d" % os.getpid()]
"""


def test_a_touched_script_disturbs_no_running_request(start):
    """mod_wsgi ends it after shutdown-timeout=, and the request that noticed waits for that."""
    server = start(
        "WSGIScriptAlias /x @ROOT@/x.py",
        mode="daemon",
        options="shutdown-timeout=1 graceful-timeout=60",
        files={"x.py": SLOW},
    )
    server.expect_new_processes()
    first = int(server.get("/x").text)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "/x?wait")
        try:
            wait.until((server.scratch / "running").exists, "the request to run")
            os.utime(server.root / "x.py", (5, 5))
            rolls.until_new(  # answered meanwhile, by old and then by new code
                lambda: int(server.get("/x").text),
                lambda pid: pid == first,
                lambda pid: pid != first,
            )
            wait.holds(lambda: procs.alive(first), "the request runs on", 2.5)
        finally:
            (server.scratch / "go").touch()
        assert int(slow.result().text) == first
    wait.until(lambda: not procs.alive(first), "the old process to end")


ASKED_BY_TWO = """
import sys, threading, time

shared = sys.__dict__.setdefault("shared", {"asked": 0, "loads": 0, "both": threading.Barrier(2)})
shared["loads"] += 1

def reload_required(resource, loads=shared["loads"]):
    if loads > 1:
        return False
    first = shared["both"].wait(10) == 0
    while not first and shared["loads"] == loads:
        time.sleep(0.01)  # says so when the other has had its way
    return True

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%d" % shared["loads"]]
"""


def test_what_two_wish_at_once_happens_once(start):
    """The second asked the module that the first has replaced meanwhile."""
    server = start("WSGIScriptAlias /x @ROOT@/x.py", mode="embedded", files={"x.py": ASKED_BY_TWO})
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert server.get("/x").text == "1"
        answers = [pool.submit(server.get, "/x") for _ in range(2)]
        assert {answer.result().text for answer in answers} == {"2"}
    assert server.get("/x").text == "2"
