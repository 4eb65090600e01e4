"""compat 2.17: entries of several lines stay in one piece, whoever else writes at the same time."""

from __future__ import annotations

import concurrent.futures
import re

import pytest

from support import inline, wait
from support.places import PLACES, ask, server_at


@pytest.fixture(params=PLACES)
def server(servers, request):
    """LogLevel is debug for us, so that every record is written."""
    return server_at(servers, request.param, "LogLevel wsgi:debug\n")


TOGETHER = """
import logging
logger = logging.getLogger("together")
if not logger.handlers:
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(sys.stderr))
def write(who):
    for turn in range(5):
        name = f"{os.getpid()}-{who}-{turn}"
        size = 3 if turn else 100
        logger.warning("\\n".join(f"mark-{name}-{i}-{size} " + "x" * 490 for i in range(size)))
        print(f"noise-{name}")
def on_thread(who):
    thread = threading.Thread(target=write, args=(who,))
    thread.start()
    return thread
threads = [on_thread(f"{environ['QUERY_STRING']}t{number}") for number in range(3)]
write(environ["QUERY_STRING"])
for thread in threads:
    thread.join()
start_response("200 OK", [])
return []
"""


READERS = {
    "pipe": ("fast.sh", 'exec cat >> "$1"\n'),
    "slow pipe": ("slow.sh", 'while IFS= read -r line; do echo "$line"; done >> "$1"\n'),
}


@pytest.mark.parametrize("kind", ["file", *READERS])
def test_entries_of_many_writers_stay_in_one_piece(start, mode, kind):
    """Requests and threads of several processes at once: 50 KB in a hundred lines, three lines, one."""
    log = (
        "@ROOT@/our_log"
        if kind == "file"
        else f'"|/bin/sh @ROOT@/{READERS[kind][0]} @ROOT@/our_log"'
    )
    server = start(
        f"<VirtualHost *>\nErrorLog {log}\nWSGIDaemonProcess two processes=2 threads=4\n"
        + ("WSGIProcessGroup two\n" if mode != "embedded" else "")
        + "</VirtualHost>\n",
        mode=mode,
        files=dict(READERS.values()),
    )
    ours = server.extra_log("our_log")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = [
            pool.submit(inline.run, server, TOGETHER, path=f"/inline?r{number}")
            for number in range(6)
        ]
        assert [answer.result(30).status for answer in answers] == [200] * 6
    entries = 6 * 4
    wait.until(
        lambda: sum(len(log.find("noise-")) for log in (ours, server.log)) == 5 * entries,
        "all records",
        30,
    )
    logs = (ours, server.log)
    lines = [line.text for log in logs for line in log.since_mark()]
    for log in logs:
        log.allow("noise-|mark-")
    starts = [at for at, text in enumerate(lines) if re.search(r"mark-\S+-0-\d+ ", text)]
    assert len(starts) == 5 * entries
    for at in starts:
        name, size = re.search(r"(mark-\S+)-0-(\d+) ", lines[at]).groups()
        found = [text.split("mark-")[-1] for text in lines[at : at + int(size)]]
        assert found == [f"{name[5:]}-{i}-{size} " + "x" * 490 for i in range(int(size))]


def test_an_exception_that_ends_a_thread_is_one_entry(server):
    """Its lines stay together, among those of other threads and of requests."""
    code = """
def fail(number):
    if number:
        fail(number - 1)
    raise ValueError("mark-end")
threads = [threading.Thread(target=fail, args=(20,), name="mark-start") for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    print("noise")
    thread.join()
"""
    server.log.mark()
    ask(server, code)
    server.log.claim("ValueError: mark-end", at_least=8)
    server.log.allow(r"^\[pid \d+\] |^ |^Exception in thread|^Traceback|noise")
    pieces = {
        "start": "Exception in thread mark-start",
        "end": "ValueError: mark-end",
        "noise": "noise",
    }
    found = [
        kind
        for line in server.log.since_mark()
        for kind, text in pieces.items()
        if text in line.text
    ]
    assert found.count("noise") == 8
    assert [kind for kind in found if kind != "noise"] == ["start", "end"] * 8
    assert all(found[at + 1] == "end" for at, kind in enumerate(found) if kind == "start")


FORKING = """
import logging
logger = logging.getLogger("forking")
if not logger.handlers:
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(sys.stderr))
ended = threading.Event()
def write():
    while not ended.is_set():
        logger.warning("noise\\n" * 20)
threads = [threading.Thread(target=write) for _ in range(3)]
for thread in threads:
    thread.start()
statuses = []
for turn in range(30):
    pid = os.fork()
    if pid == 0:
        print(f"mark-{turn}\\nmark-{turn}")
        os._exit(0)
    statuses.append(os.waitpid(pid, 0)[1])
ended.set()
for thread in threads:
    thread.join()
start_response("200 OK", [])
return [json.dumps(statuses).encode()]
"""


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_a_fork_can_write_while_other_threads_did(start, mode, kind):
    name, text = READERS["pipe"]
    log = "@ROOT@/our_log" if kind == "file" else f'"|/bin/sh @ROOT@/{name} @ROOT@/our_log"'
    # Of the whole server: a fork has no request any more.
    server = start(f"ErrorLog {log}\n", mode=mode, files={name: text})
    logs = (server.extra_log("our_log"), server.log)
    assert inline.run(server, FORKING).json() == [0] * 30
    wait.until(lambda: sum(len(log.find("mark-")) for log in logs) == 60, "all records")
    for log in logs:
        log.allow("mark-|noise")


@pytest.mark.parametrize("how", ["raise ValueError(text)", "logging.warning(text)"])
def test_what_is_longer_than_an_entry_is_written_to_its_end(server, how):
    """200 KB are several entries; no line is lost or cut."""
    server.log.mark()
    code = f"""
import logging
text = "mark-first\\n" + "".join(f"mark-{{i}} {{'x' * 90}} end\\n" for i in range(2000)) + "mark-last"
{how}
start_response("200 OK", [])
return []
"""
    inline.run(server, code)
    lines = server.log.claim("mark-", at_least=2002, timeout=20)
    server.log.allow("PYW0250|Traceback|^  ")
    assert "mark-first" in lines[0].text and "mark-last" in lines[-1].text
    assert [line.text for line in lines[1:-1]] == [f"mark-{i} {'x' * 90} end" for i in range(2000)]
