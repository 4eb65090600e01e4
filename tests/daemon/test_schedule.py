"""schedule=: runs of a job at their times, each a process of its own."""

from __future__ import annotations

import os
import re
import runpy
import signal
import textwrap
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support import cron, procs, wait
from support.daemon import Daemon

from .conftest import REPO, logged

Start = Callable[..., Daemon]

# Leaves its process id, and works until it may end or is told to.
LONG = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent
try:
    with open(HERE / 'pids', 'a') as file:
        file.write(f'{os.getpid()}\\n')
    while not (HERE / 'go').exists():
        time.sleep(0.01)
finally:
    (HERE / 'finally').touch()
"""


@pytest.fixture
def job(daemon: Start, tmp_path: Path) -> Callable[..., Daemon]:
    """Start a group whose job is `code`."""

    def job(code: str, schedule: str = cron.EVERY_SECOND, **options: object) -> Daemon:
        path = tmp_path / "job.py"
        path.write_text(code)
        return daemon(
            preloads=[(str(path), "")],
            ready=False,
            **{
                "threads": 0,
                "schedule": schedule,
                "python_path": cron.library(tmp_path),
                **options,
            },
        )

    return job


def pids(tmp_path: Path) -> list[int]:
    path = tmp_path / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def runs(one: Daemon) -> list[str]:
    """What the log says of each run."""
    return re.findall(r"PYW009[23]: Job 'test', (run .*?) after", one.log)


def test_each_run_is_a_fresh_process(job: Callable[..., Daemon], tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
sys.seen = getattr(sys, 'seen', 0) + 1
with open(Path(__file__).parent / 'pids', 'a') as file:
    file.write(f'{os.getpid()}\\n')
assert sys.seen == 1
"""
    one = job(code).wait_ready()
    wait.until(lambda: len(runs(one)) >= 2, "two runs", 10)
    first, second = pids(tmp_path)[:2]
    assert len({first, second, one.pid}) == 3
    assert runs(one)[:2] == ["run 1: ok", "run 2: ok"]
    assert re.search(
        r"<6>PYW0092: Job 'test', run 1: ok after \d+\.\d s; next at 2\d\d\d-", one.log
    )
    assert re.search(r"<6>Job 'test' runs by schedule='\* \* \* \* \* \*'; next at 2", one.log)
    one.signal(signal.SIGTERM)
    assert one.wait_end(5) == 0


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "exit status 3"),
        ("import os; os._exit(4)", "exit status 4"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ],
)
def test_a_run_that_fails(job: Callable[..., Daemon], code: str, outcome: str) -> None:
    one = job(code)
    assert f"<3>PYW0093: Job 'test', run 1: {outcome} after" in logged(one, "PYW0093")
    assert ("PYW0088" in one.log) == (outcome in ("ZeroDivisionError", "exit status 3"))


def test_exit_functions_of_a_run(job: Callable[..., Daemon], tmp_path: Path) -> None:
    code = """
import atexit, threading, time
from pathlib import Path
HERE = Path(__file__).parent
atexit.register((HERE / 'exit_function').touch)
threading.Thread(target=lambda: (time.sleep(0.3), (HERE / 'thread').touch())).start()
"""
    one = job(code)
    logged(one, "run 1: ok")
    assert (tmp_path / "exit_function").exists()
    assert (tmp_path / "thread").exists()


def test_skip_leaves_out_what_is_due_meanwhile(job: Callable[..., Daemon], tmp_path: Path) -> None:
    one = job(LONG)
    logged(one, "PYW0094")
    assert len(pids(tmp_path)) == 1
    assert re.search(r"<4>PYW0094: Job 'test': the run due at .*because run 1 has been", one.log)
    assert "schedule-overlap=skip" in one.log
    (tmp_path / "go").touch()
    logged(one, "run 2: ok")


def test_wait_has_one_more_run_at_once(job: Callable[..., Daemon], tmp_path: Path) -> None:
    one = job(LONG, schedule_overlap="wait")
    logged(one, "PYW0094")  # the third one: the second waits
    assert len(pids(tmp_path)) == 1
    (tmp_path / "go").touch()
    logged(one, "run 2: ok")


def test_replace_ends_the_run_that_is_at_work(job: Callable[..., Daemon], tmp_path: Path) -> None:
    one = job(LONG, schedule_overlap="replace")
    wait.until(lambda: len(pids(tmp_path)) >= 2, "another run")
    assert "<6>PYW0092: Job 'test', run 1: replaced after" in one.log
    assert (tmp_path / "finally").exists()
    assert "PYW0088" not in one.log


def test_a_run_that_takes_too_long(job: Callable[..., Daemon], tmp_path: Path) -> None:
    one = job(LONG, schedule_timeout=1)
    logged(one, "<3>PYW0093: Job 'test', run 1: timed out after")
    assert (tmp_path / "finally").exists()


def test_one_that_does_not_heed_it_is_killed(job: Callable[..., Daemon], tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LONG
    one = job(code, schedule_timeout=1, shutdown_timeout=1)
    logged(one, "<3>PYW0093: Job 'test', run 1: timed out, SIGKILL after")
    assert not procs.alive(pids(tmp_path)[0])


@pytest.mark.parametrize("heeds", [True, False])
def test_the_end_of_the_process(job: Callable[..., Daemon], tmp_path: Path, heeds: bool) -> None:
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    one = job(LONG if heeds else ignore + LONG, shutdown_timeout=1)
    wait.until(lambda: pids(tmp_path), "the run")
    one.signal(signal.SIGTERM)
    assert one.wait_end(5) == 0
    assert not procs.alive(pids(tmp_path)[0])
    outcome = "stopped" if heeds else "stopped, SIGKILL"
    assert f"run 1: {outcome} after" in one.log
    assert "next at no time, the process ends" in one.log
    assert (tmp_path / "finally").exists() == heeds


def test_its_end_is_waited_for_without_a_spin(job: Callable[..., Daemon], tmp_path: Path) -> None:
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    one = job(ignore + LONG, shutdown_timeout=60).wait_ready()
    wait.until(lambda: pids(tmp_path), "the run", 10)
    one.signal(signal.SIGTERM)
    time.sleep(2)
    spent = procs.cpu_seconds(one.pid)
    (tmp_path / "go").touch()
    assert one.wait_end(10) == 0
    assert spent < 1


def test_what_a_run_leaves_behind(job: Callable[..., Daemon], tmp_path: Path) -> None:
    """Its processes have what it has open, the pipe to the scheduler too."""
    code = "import os\nif os.fork() == 0:\n" + textwrap.indent(LONG, "    ")
    one = job(code).wait_ready()
    try:
        wait.until(lambda: len(runs(one)) >= 2, "two runs", 10)
    finally:
        (tmp_path / "go").touch()
    assert runs(one)[:2] == ["run 1: ok", "run 2: ok"]


def test_a_run_does_not_outlive_its_scheduler(job: Callable[..., Daemon], tmp_path: Path) -> None:
    one = job(LONG)
    wait.until(lambda: pids(tmp_path), "the run")
    os.kill(one.pid, signal.SIGKILL)
    one.wait_end()
    wait.until(lambda: not procs.alive(pids(tmp_path)[0]), "the run to end")


def test_without_a_run_it_ends_at_once(job: Callable[..., Daemon]) -> None:
    one = job("pass", "@yearly").wait_ready()
    one.cut_lifeline()
    assert one.wait_end(3) == 0
    assert runs(one) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"schedule": "61 * * * *"}, "schedule='61 * * * *' cannot be read: Bad minute."),
        ({"schedule": "@reboot"}, "'@reboot' is none of @yearly, @annually"),
        ({"schedule": "0 0 30 2 *"}, "schedule='0 0 30 2 *'"),
        ({"env": "TZ=Nowhere/Town"}, "TZ 'Nowhere/Town' is no time zone"),
        ({"python_path": "/nowhere"}, "-m pip install cronsim'"),
    ],
)
def test_what_cannot_run(job: Callable[..., Daemon], options: dict[str, str], says: str) -> None:
    one = job("pass", **options)
    assert one.wait_end() == 1
    assert "PYW0095: Process group 'test' cannot run its job: " in one.log
    assert says in one.log
    assert "Traceback" not in one.log


# --- the times, without a process ---


@pytest.fixture
def source() -> dict[str, Any]:
    return runpy.run_path(str(REPO / "src/server/python/schedule.py"))


SERVER = {"schedule": "*/5 * * * *", "overlap": "skip", "timeout": 0, "shutdown_timeout": 5}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def idle(source: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A job that notes its runs, and whose clock is `job.clock`."""
    monkeypatch.setenv("TZ", "UTC")
    job = source["prepare"](SERVER)
    job.clock = 1_000_000_200.0  # a multiple of 5 minutes
    job.due = job.times.after(job.clock)
    job.now = lambda: job.clock
    job.begun = []
    job.begin = lambda: job.begun.append(job.clock)
    return job


def test_nothing_comes_before_its_time(idle: Any) -> None:
    idle.clock += 299.9
    idle.look()
    assert idle.begun == []
    idle.clock += 0.1
    idle.look()
    idle.look()
    assert len(idle.begun) == 1
    assert idle.due == 1_000_000_800


def test_what_was_missed_comes_once(idle: Any) -> None:
    """The machine slept, or the clock was put forward."""
    idle.clock += 3 * 86400 + 17
    idle.look()
    idle.look()
    assert len(idle.begun) == 1
    assert idle.clock < idle.due <= idle.clock + 300


def test_a_clock_that_is_put_back_a_little_repeats_nothing(idle: Any) -> None:
    idle.clock += 300
    idle.look()
    idle.clock -= 3600
    for _ in range(20):
        idle.look()
        idle.clock += 200
    assert len([at for at in idle.begun if at < 1_000_000_800]) == 1


def test_a_clock_that_was_far_ahead(idle: Any) -> None:
    idle.clock += 400 * 86400
    idle.look()
    idle.clock -= 400 * 86400
    idle.look()
    assert idle.due <= idle.clock + 300


def test_names(source: dict[str, Any]) -> None:
    for name in source["NAMES"]:
        assert source["prepare"](SERVER | {"schedule": name}).due


@pytest.mark.parametrize(
    ("fields", "begin", "count", "hours"),
    [
        # 2027-03-28 02:00 CET does not come: what is due then, is made up for at 03:00.
        ("30 2 * * *", datetime(2027, 3, 27, 12), 2, [(28, 3, 0), (29, 2, 30)]),
        # 2027-10-31 03:00 CEST comes twice: a daily job runs once.
        ("30 2 * * *", datetime(2027, 10, 30, 12), 2, [(31, 2, 30), (1, 2, 30)]),
    ],
)
def test_summer_time(
    source: dict[str, Any],
    fields: str,
    begin: datetime,
    count: int,
    hours: list[tuple[int, int, int]],
) -> None:
    cronsim = source["load_library"]()
    times = source["Times"](cronsim.CronSim, fields, BERLIN)
    at = begin.replace(tzinfo=BERLIN).timestamp()
    seen = []
    while len(seen) < count:
        # As a job does it: anew, from any moment before.
        for _ in range(30):
            following = times.after(at)
            assert following > at
            if following - at <= 600:
                break
            at += 600
        else:
            continue
        at = following
        when = datetime.fromtimestamp(at, BERLIN)
        seen.append((when.day, when.hour, when.minute))
    assert seen == hours


@pytest.mark.parametrize(
    ("name", "zone"),
    [("UTC", "UTC"), ("", "UTC"), ("Europe/Berlin", "CET"), (":Europe/Berlin", "CET")],
)
def test_the_time_zone(source: dict[str, Any], name: str, zone: str) -> None:
    found = source["find_zone"](name)
    assert datetime(2027, 1, 1, tzinfo=found).strftime("%Z") == zone


def test_the_time_zone_of_the_system(source: dict[str, Any], tmp_path: Path) -> None:
    find_zone = source["find_zone"]
    find_zone.__globals__["LOCALTIME"] = "/usr/share/zoneinfo/Europe/Berlin"
    assert datetime(2027, 1, 1, tzinfo=find_zone(None)).strftime("%Z") == "CET"
    find_zone.__globals__["LOCALTIME"] = str(tmp_path / "none")
    assert datetime(2027, 1, 1, tzinfo=find_zone(None)).strftime("%Z") == "UTC"
