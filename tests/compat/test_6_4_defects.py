"""Section 6.4: the defects found in mod_wsgi 6.0.5, by number, none of which is here.

Most are the business of another module's test, which `ELSEWHERE` names; the rest are below.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import signal
from pathlib import Path

import pytest

from compat.test_2_11_each_timeout import NONE
from mod_pywsgi.options import BY_NAME
from support import inline, procs, shown, wait

# Number -> the tests that show the defect absent.
ELSEWHERE = {
    # WSGIPythonHashSeed random is seed 0.
    1: ["test_random_hashes_differ_from_process_to_process"],
    # deadlock-timeout=0 disables other timeouts: all tests there run with it.
    2: [
        "test_request_timeout_replaces_the_process",
        "test_startup_timeout",
        "test_restart_interval",
    ],
    # New requests put off the end of a process that has had its maximum-requests.
    3: [
        "test_maximum_requests_under_overlapping_load",
        "test_counts_of_maximum_requests_are_exact",
    ],
    # restart-interval is not told as the reason.
    4: ["test_restart_interval_is_the_reason_with_requests_in_flight"],
    # A missing callable is 404 in one mode and 500 in the other.
    5: [
        "test_behaviour_is_the_same",
        "test_script_without_the_callable",
    ],
    # Response headers differ between the modes.
    6: [
        "test_behaviour_is_the_same",
        "test_location_with_200_is_just_a_header",
        "test_override_replaces_the_page_and_keeps_the_status",
    ],
    # Transfer-Encoding and Content-Length together.
    7: ["test_length_with_chunked_is_not_in_the_environ"],
    # A script outside of the chroot is no answer at all.
    8: ["test_script_outside_of_the_chroot_is_an_error_in_the_log"],
    # Signals are lost.
    11: ["test_no_signal_is_lost_while_callbacks_run"],
    # A broken script is run again by every request.
    13: ["test_a_broken_script_is_not_run_on_each_request"],
    # Daemons outlive a parent that was killed.
    14: [
        "test_all_end_when_the_parent_is_killed",
        "test_without_its_supervisor_it_ends",
    ],
    # A graceful restart stalls new requests.
    15: [
        "test_graceful_restart_disturbs_nobody",
        "test_no_request_fails_during_graceful_restarts",
        "test_graceful_lets_a_running_request_finish",
    ],
}


@pytest.mark.parametrize("number", ELSEWHERE)
def test_shown_elsewhere(number):
    assert shown.missing(ELSEWHERE[number]) == []


def test_no_number_is_left_out():
    here = {int(name.split("_")[1]) for name in globals() if re.match(r"test_\d", name)}
    assert here | ELSEWHERE.keys() == set(range(1, 16))


def test_2_is_shown_where_no_other_timeout_is_set():
    assert "deadlock-timeout=0" in NONE.split()
    assert "inactivity-timeout" not in NONE


def test_a_test_that_is_gone_would_be_missed():
    """The control."""
    gone = ["test_no_such", "test_gone"]
    assert shown.missing(gone) == gone


HASH = 'start_response("200 OK", [])\nreturn [f"{os.getpid()} {hash(\'x\')}".encode()]'


def test_1_hashes_are_random_in_every_process(start):
    """mod_wsgi: one and the same in all processes, where `random` was asked for."""
    server = start("WSGIPythonHashSeed random", mode="daemon_multi")
    found: dict[bytes, set[bytes]] = {}

    def is_enough() -> bool:
        pid, value = inline.run(server, HASH).body.split()
        found.setdefault(pid, set()).add(value)
        return len(found) == 2

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(is_enough) for _ in range(50)]:
            future.result()
    wait.until(is_enough, "both processes to answer")
    assert [len(values) for values in found.values()] == [1, 1]
    assert len(set.union(*found.values())) == 2


SHORT_NAMES = ("a", "m", "w", "H", "HT", "HTTP", "HTTP_", "mod_wsgi", "mod_", "wsgi", "_", "x-")
PREFIXES = ("mod_wsgi.", "wsgi.")


def test_9_short_names_of_variables(start):
    """mod_wsgi looks for prefixes behind the end of a short name. Run with --asan."""
    server = start(
        "WSGIScriptAlias /e @APPS@/environ/wsgi.py process-group=%{GLOBAL}\n"
        "WSGIDaemonProcess g\nWSGIScriptAlias /d @APPS@/environ/wsgi.py process-group=g\n"
        + "\n".join(f"SetEnv {name} value" for name in SHORT_NAMES + PREFIXES)
    )
    for place in ("/e", "/d"):
        found = server.get(place).json()
        assert [found.get(name) for name in SHORT_NAMES] == [["str", "value"]] * len(SHORT_NAMES)


def test_10_express_has_the_options_that_did_nothing():
    """What each does is shown by the tests that docs/express.md names."""
    for name in (
        "header-buffer-size",
        "gdb-executable",
        "enable-recorder",
        "https-port",
        "https-only",
        "ssl-certificate-file",
    ):
        assert name in BY_NAME, name


def test_10_help_of_python_path_is_true():
    help_text = BY_NAME["python-path"].help
    assert re.search("director", help_text, re.IGNORECASE)
    assert not re.search("egg", help_text, re.IGNORECASE)


def test_12_slow_but_legal_requests_are_waited_for(start):
    """A process that ends lets a request finish that is within its request-timeout."""
    server = start(mode="daemon", options="request-timeout=60 graceful-timeout=60 threads=2")
    server.expect_new_processes()
    server.log.allow("PYW00")
    code = """
        go = environ["test.scratch"] + "/go"
        open(environ["test.scratch"] + "/running", "w").close()
        while not os.path.exists(go):
            time.sleep(0.01)
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    """
    [pid] = wait.until(server.daemons, "the process")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(inline.run, server, code)
        wait.until((server.scratch / "running").exists, "the request to run")
        os.kill(pid, signal.SIGUSR1)
        wait.until(lambda: set(server.daemons()) - {pid}, "a successor")
        Path(server.scratch / "go").touch()
        response = slow.result()
    assert (response.status, response.body) == (200, str(pid).encode())
    wait.until(lambda: not procs.alive(pid) or procs.zombie(pid), "the old process to end")
