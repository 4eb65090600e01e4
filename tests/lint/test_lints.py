"""Each lint finds what it is there to find, and passes what is right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def run(lint: str, root: Path) -> tuple[int, str]:
    """Exit status and output of LINT over the tree ROOT."""
    command = [sys.executable, str(HERE / f"{lint}.py"), str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not result.stderr
    return result.returncode, result.stdout


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


OWN_HEADERS = {
    f"src/server/{floor}/x.h": ""
    for floor in ("base", "channel", "supervisor", "python", "wsgi", "host", "embed", "apache")
}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("base/a.c", '#include "channel/x.h"\n', "channel/ is not below it"),
        ("channel/a.c", '#include "supervisor/x.h"\n', "supervisor/ is not below it"),
        ("python/a.c", '#include "supervisor/x.h"\n', "supervisor/ is not below it"),
        ("wsgi/a.c", '#include "channel/x.h"\n', "channel/ is not below it"),
        ("apache/a.h", '#include "python/x.h"\n', "python/ is not below it"),
        ("host/a.c", '#include "embed/x.h"\n', "embed/ is not below it"),
        ("embed/a.c", '  #  include "host/x.h"\n', "host/ is not below it"),
        ("mod_pywsgi.c", '#include "base/x.h"\n', "base/ is not below it"),
        ("base/a.c", '#include "x.h"\n', "includes name the folder"),
        ("base/a.c", '#include "base/absent.h"\n', "no file of src/server"),
        ("apache/a.c", "#include <Python.h>\n", "only the Python half knows Python"),
        ("supervisor/a.c", "#include <Python.h>\n", "only the Python half knows Python"),
        ("supervisor/a.c", "#include <apr_pools.h>\n", "only apache/ knows httpd and APR"),
        ("host/a.c", "#include <httpd.h>\n", "only apache/ knows httpd and APR"),
        ("wsgi/a.c", "#include <http_log.h>\n", "only apache/ knows httpd and APR"),
        ("wsgi/a.c", "PyGILState_Ensure();\n", "only python/pyw_gil.c names PyGILState_Ensure"),
        ("host/a.c", "Py_BEGIN_ALLOW_THREADS\n", "only python/pyw_gil.c names"),
        ("helpers/a.c", "", "helpers is no floor"),
    ],
)
def test_floors_refuse(tmp_path, file, text, words):
    put(tmp_path, OWN_HEADERS | {f"src/server/{file}": text})
    status, output = run("check_floors", tmp_path)
    assert status == 1
    assert f"src/server/{file}:1: " in output and words in output


def test_floors_pass(tmp_path):
    files = {
        "base/a.c": '#include "base/x.h"\n#include <stdio.h>\n',
        "apache/a.c": '#include "supervisor/x.h"\n#include <httpd.h>\n#include <apr_pools.h>\n',
        "wsgi/a.c": '#include "python/x.h"\n#include <Python.h>\n/* not PyGILState_Ensure */\n',
        "python/pyw_gil.c": "PyGILState_Ensure();\n",
        "mod_pywsgi.c": '#include "apache/x.h"\n#include <http_config.h>\n',
    }
    put(tmp_path, OWN_HEADERS | {f"src/server/{name}": text for name, text in files.items()})
    assert run("check_floors", tmp_path) == (0, "")


def c_function(lines: int, comment: str = "") -> str:
    body = "    work();\n" * (lines - 3)
    return f"{comment}static void task(void)\n{{\n{body}}}\n"


def test_limits(tmp_path):
    branches = "".join(f"    if (n == {n}) {{ work(); }}\n" for n in range(15))
    put(
        tmp_path,
        {
            "src/server/base/fits.c": c_function(60),
            "src/server/base/long.c": c_function(61),
            "src/server/base/why.c": c_function(61, "/* limits: a table in the shape of code */\n"),
            "src/server/base/paths.c": f"static void task(int n)\n{{\n{branches}}}\n",
            "src/server/base/file.c": "\n" * 601,
            "python/long.py": "def task():\n" + "    work()\n" * 60,
        },
    )
    status, output = run("check_limits", tmp_path)
    assert status == 1
    assert output.splitlines() == [
        "src/server/base/file.c:1: 601 lines, more than 600",
        "src/server/base/long.c:1: task has 61 lines, more than 60",
        "src/server/base/paths.c:1: task has 16 paths, more than 15",
        "python/long.py:1: task has 61 lines, more than 60",
    ]


CODES = "src/server/base/pyw_codes.def"
USE = "PYW_LOG(log, r, ONE, 1);\nPYW_LOG(log, r, TWO);\n"
PAGE = "| code | cause |\n|---|---|\n| `PYW0001` | a |\n| PYW0002 | b |\n"
GOOD_ROWS = 'X(0001, ERR, ONE, "one %d")\nX(0002, INFO, TWO,\n  "two" " and more")\n'


def codes(tmp_path: Path, rows: str, page: str = PAGE) -> tuple[int, str]:
    put(tmp_path, {CODES: rows, "docs/errors.md": page, "src/server/apache/a.c": USE})
    return run("check_codes", tmp_path)


def test_codes_pass(tmp_path):
    assert codes(tmp_path, GOOD_ROWS) == (0, "")


@pytest.mark.parametrize(
    ("rows", "page", "words"),
    [
        (GOOD_ROWS + 'X(0002, ERR, ONE, "x")\n', PAGE, "the number 0002 is taken"),
        (GOOD_ROWS + 'X(0003, ERR, ONE, "x")\n', PAGE, "the name ONE is taken"),
        (GOOD_ROWS + 'X(0003, ERR, UNUSED, "x")\n', PAGE, "UNUSED is used nowhere"),
        (GOOD_ROWS + 'X(3, ERR, ONE, "x")\n', PAGE, "four digits"),
        (GOOD_ROWS.replace("INFO", "LOUD"), PAGE, "LOUD is no level"),
        (GOOD_ROWS + "X(0003, ERR, ONE, text)\n", PAGE, "3 rows, but 2 read"),
        (GOOD_ROWS, PAGE.replace("PYW0002", "PYW0004"), "no row for PYW0002"),
        (GOOD_ROWS, PAGE.replace("PYW0002", "PYW0004"), "PYW0004 is not in"),
        (GOOD_ROWS, PAGE + "| PYW0002 | c |\n", "PYW0002 has more than one row"),
        (GOOD_ROWS, PAGE.replace("| a |", "| as PYW0009 |"), "speaks of PYW0009"),
    ],
)
def test_codes_refuse(tmp_path, rows, page, words):
    status, output = codes(tmp_path, rows, page)
    assert status == 1 and words in output


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("Listen {{ plan.port | n }}", True),
        ('Alias {{ (plan.a / "b") | join(":") | q }}', True),
        ("{% for name in plan.names %}{{- name | word -}}{% endfor %}", True),
        ("Listen {{ plan.port }}", False),
        ("Listen {{ plan.port | upper }}", False),
        ("Listen {{ plan.port | q | replace('a', 'b') }}", False),
        ("Listen {{ plan.port\n}}", False),
    ],
)
def test_templates(tmp_path, text, is_right):
    put(tmp_path, {"python/mod_pywsgi/templates/parts/x.conf.j2": text})
    status, output = run("check_templates", tmp_path)
    assert status == (0 if is_right else 1), output


def test_every_folder_of_tests_is_collected():
    text = (HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    collected = set(re.findall(r'^    "tests/(\w+)",$', text, re.MULTILINE))
    folders = {path.parent.name for path in HERE.parent.glob("*/test_*.py")}
    assert folders <= collected
