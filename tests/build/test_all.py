"""The run of all tests: what has a second turn, and what comes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ALL = Path(__file__).parents[1] / "all.py"
# The first turn is that of the workers.
BESIDE_OTHERS = """
import os
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_unsteady(number):
    assert "PYTEST_XDIST_WORKER" not in os.environ

def test_steady():
    pass
"""
BROKEN = """
def test_broken():
    assert False
"""


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
    done = run(BESIDE_OTHERS.format(count=2))
    assert done.returncode == 0, done.stdout
    first, second = done.stdout.split("UNSTEADY", 1)
    assert "2 failed, 1 passed" in first
    assert "dev:   test_some.py::test_unsteady[1]" in second and "2 passed" in second


def test_what_fails_alone_is_broken(run):
    done = run(BROKEN + BESIDE_OTHERS.format(count=1))
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout.split("UNSTEADY", 1)[1]


def test_many_have_no_second_turn(run):
    done = run(BESIDE_OTHERS.format(count=4))
    assert done.returncode == 1 and "UNSTEADY" not in done.stdout


def test_all_pass(run):
    done = run(BESIDE_OTHERS.format(count=0))
    assert done.returncode == 0 and "UNSTEADY" not in done.stdout


def test_what_cannot_be_collected_fails(run):
    assert run("import nothing_of_that_name\n").returncode not in (0, 5)
