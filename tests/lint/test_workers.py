"""What belongs together goes to one worker of a run that is shared among several (tests/conftest.py)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]
FILES = ("tests/bench/test_load.py", "tests/bench/test_meter.py", "tests/bench/test_scenarios.py")


def test_a_file_goes_to_one_worker():
    words = ["-n", "2", "--dist", "loadscope", "-v", "-p", "no:cacheprovider", *FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    ran = set(re.findall(r"^\[(gw\d)\] .*PASSED (\S+?)::", done.stdout, re.MULTILINE))
    assert sorted(file for _, file in ran) == sorted(FILES)
    assert len({worker for worker, _ in ran}) == 2
