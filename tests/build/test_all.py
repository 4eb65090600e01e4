"""The run of all tests: what has a second turn, and what comes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALL = Path(__file__).parents[1] / "all.py"
# The first turn is that of the workers.
IS_FIRST = 'is_first = "PYTEST_XDIST_WORKER" in os.environ\n'
BEGIN = f"import os\nimport pytest\n{IS_FIRST}\n"
BESIDE_OTHERS = (
    BEGIN
    + """
@pytest.mark.parametrize("number", range({count}))
def test_unsteady(number):
    assert not is_first

def test_steady():
    pass
"""
)
BROKEN = """
def test_broken():
    assert False
"""
AFTER = (
    BEGIN
    + """
@pytest.fixture(autouse=True)
def _after_test():
    yield
    if is_first:
        pytest.fail("after the test:\\nsomething is left", pytrace=False)

def test_leaves_something():
    pass
"""
)
SKIPS = (
    BEGIN
    + """
def test_skips():
    assert not is_first
    pytest.skip("not here")
"""
)
ENDS_BADLY = (
    BEGIN
    + """
@pytest.fixture(scope="session", autouse=True)
def shared():
    yield
    assert not is_first

def test_last():
    pass
"""
)
CRASHES = (
    BEGIN
    + """
def test_crashes():
    if is_first:
        os._exit(3)
"""
)


@pytest.fixture
def run(tmp_path):
    def run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "test_some.py").write_text(text)
        # A worker of ours tells so by its environment.
        own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        return subprocess.run(
            [sys.executable, ALL],
            cwd=tmp_path,
            env=own,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_fails_beside_others_alone_is_named(run):
    done = run(BESIDE_OTHERS.format(count=3))
    assert done.returncode == 0, done.stdout
    first, second = done.stdout.split("UNSTEADY", 1)
    assert "3 failed, 1 passed" in first
    assert "dev:   test_some.py::test_unsteady[1]" in second and "3 passed" in second


def test_so_is_what_the_check_after_it_finds(run):
    done = run(AFTER)
    assert done.returncode == 0, done.stdout
    assert "dev:   test_some.py::test_leaves_something" in done.stdout.split("UNSTEADY", 1)[1]


def test_what_fails_alone_is_broken(run):
    done = run(BROKEN + BESIDE_OTHERS.format(count=1))
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout.split("UNSTEADY", 1)[1]


def test_what_is_skipped_then_has_not_passed(run):
    done = run(SKIPS)
    assert done.returncode == 1 and "not all of them were run again" in done.stdout


@pytest.mark.parametrize(
    "text",
    [BESIDE_OTHERS.format(count=4), ENDS_BADLY, CRASHES, "import nothing_of_that_name\n"],
    ids=["many", "ends badly", "crash", "not collected"],
)
def test_no_second_turn(run, text):
    done = run(text)
    assert done.returncode not in (0, 5) and "UNSTEADY" not in done.stdout


def test_all_pass(run):
    done = run(BESIDE_OTHERS.format(count=0))
    assert done.returncode == 0 and "UNSTEADY" not in done.stdout
