"""What wrk prints, and what is made of it."""

import shutil
import subprocess

import pytest

from bench import load
from bench.scenarios import Cell, read

LINE = (
    'bench-result {"requests": 1000, "duration_us": 2000000, "bytes": 150000, "p50_us": 800, '
    '"p99_us": 4500, "errors": {"connect": 0, "read": 3, "write": 0, "timeout": 1, "status": 0}}'
)


def test_parse():
    found = load.parse(f"Running 2s test @ http://x\n  2 threads\n{LINE}\n")
    assert found.requests == 1000
    assert found.rate == 500
    assert (found.p50_us, found.p99_us) == (800, 4500)
    assert found.failed == 4
    assert found.errors == {"read": 3, "timeout": 1}


def test_no_result_is_an_error_that_shows_what_wrk_said():
    with pytest.raises(load.LoadFailed, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused\n")
    with pytest.raises(load.LoadFailed, match="nothing"):
        load.parse("")


def test_answers_too_short_to_be_whole_are_an_error():
    line = LINE.replace('"read": 3', '"read": 0').replace('"timeout": 1', '"timeout": 0')
    assert load.parse(line, body_length=150).bytes == 150000
    with pytest.raises(load.LoadFailed, match="150 bytes"):
        load.parse(line, body_length=151)


def test_no_time_is_no_rate():
    assert load.Outcome(5, 0.0, 0, 0, 0, 0, {}).rate == 0.0


def test_the_command_carries_the_cell():
    hello, upload = (each for each in read() if each.name in ("hello", "upload"))
    words = load.command(Cell(hello, 8, 256), "http://127.0.0.1:1/", 3)
    assert {"-c256", "-d3s"} < set(words)
    assert words[-3:] == ["--", "GET", "0"]
    words = load.command(Cell(upload, 8, 16), "http://127.0.0.1:1/", 3)
    assert words[-2:] == ["POST", "1048576"]


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_wrk_takes_the_command():
    """wrk turns its own usage mistakes into status 1 and a page of help."""
    words = load.command(Cell(read()[0], 8, 1), "http://127.0.0.1:1/", 1)
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert "Usage" not in done.stdout + done.stderr
    assert "unable to connect" in done.stdout + done.stderr
