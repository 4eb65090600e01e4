"""Coverage, in a Python of its own: this run may be measured itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, _thread, threading, time
sys.path.insert(0, {site!r})
from mod_pywsgi.runtime.debug.measure import Coverage
tool = Coverage({out!r})
tool.start()
with tool.inside():
    import measured_application as it
done = threading.Lock()
done.acquire()
def request():  # in a thread that Python did not start
    with tool.inside():
        it.first()
    with tool.inside():
        it.second()
    done.release()
_thread.start_new_thread(request, ())
done.acquire()
print(tool.finish())
lines = tool._coverage.analysis(it.__file__)
print("missing", lines[2])
print("files", list(tool._coverage.get_data().measured_files()))
"""


def test_threads_of_apache_are_measured(tmp_path: Path) -> None:
    site, out = tmp_path / "site", tmp_path / "out"
    site.mkdir()
    (site / "measured_application.py").write_text(
        "def first():\n    return 1\ndef second():\n    return 2\ndef third():\n    return 3\n"
    )
    program = PROGRAM.format(site=str(site), out=str(out))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=site, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str([str(out / "index.html")]) in done.stdout
    assert "missing [6]" in done.stdout
    assert f"files {[str(site / 'measured_application.py')]}" in done.stdout
    assert "measured_application" in (out / "index.html").read_text()
