"""Directives that belong to no section of tests/compat."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support import machine
from support.counter import ask as counter

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"


# Module records


@pytest.mark.parametrize("symbol", ["wsgi_module", "pywsgi_module"])
def test_both_records_load(start, symbol):
    server = start(ALIAS, symbol=symbol)
    assert counter(server)["number"] == 1


def test_both_records_at_once_are_refused_or_one(configtest):
    status, words = configtest("LoadModule pywsgi_module @MODULE@\n" + ALIAS)
    assert "Segmentation" not in words
    assert status in (0, 1)


# As much of mod_wsgi as its neighbour sees: the file's name, the symbol and a directive.
OTHER = """
#include <httpd.h>
#include <http_config.h>
static const command_rec words[] = {{0}};
AP_DECLARE_MODULE(wsgi) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, words, NULL, AP_MODULE_FLAG_NONE};
"""


@pytest.fixture(scope="module")
def other():
    """The path of a module that looks like mod_wsgi."""
    root = machine.make_root()
    (root / "mod_wsgi.c").write_text(OTHER)
    apxs = shutil.which("apxs") or shutil.which("apxs2") or "apxs"
    flags = ["-D_REENTRANT", "-D_GNU_SOURCE"]
    places = (
        subprocess.run([apxs, "-q", name], check=True, capture_output=True, text=True).stdout
        for name in ("INCLUDEDIR", "APR_INCLUDEDIR")
    )
    flags += [f"-I{place.strip()}" for place in places]
    library = root / "mod_wsgi.so"
    command = ["cc", "-shared", "-fPIC", *flags, "-o", str(library), str(root / "mod_wsgi.c")]
    subprocess.run(command, check=True)
    yield library
    machine.remove_tree(root)


@pytest.mark.parametrize("is_first", [True, False])
def test_mod_wsgi_beside_it_is_refused(configtest, other, is_first):
    lines = [f"LoadModule wsgi_module {other}", "LoadModule pywsgi_module @MODULE@"]
    extra = "\n".join([*(lines if is_first else reversed(lines)), ALIAS])
    status, words = configtest(extra, load=False)
    assert status == 1
    assert "mod_wsgi is loaded beside mod_pywsgi" in words


def test_server_header_names_the_module(start):
    server = start(ALIAS + "\nServerTokens Full")
    assert "mod_pywsgi/" in server.get("/alive").header("Server")


# What a request gets for a mistake


def test_an_environment_that_is_none(start):
    """Embedded mode: one sentence in the log, with one full stop."""
    server = start("WSGIPythonHome @ROOT@/none\n" + ALIAS)
    assert server.get("/x").status == 500
    server.log.claim("PYW0207")
    (entry,) = server.log.claim("PYW0208")
    assert entry.text.endswith("none' does not exist.")


def test_access_rules_hold(start):
    """The alias opens no hole in <Directory> and <Location> rules."""
    server = start(
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py\nWSGIScriptAlias /y @APPS@/counter/wsgi.py\n"
        "<Directory @APPS@/hello>\nRequire all denied\n</Directory>\n"
        "<Location /y/closed>\nRequire all denied\n</Location>\n"
    )
    assert server.get("/x").status == 403
    assert server.get("/y").status == 200
    assert server.get("/y/closed").status == 403
    assert server.get("/y//closed/").status == 403
    server.log.allow("AH01630|denied")


# Python of the process


def test_python_path_of_embedded_interpreters(start):
    server = start(
        "WSGIPythonPath @ROOT@/lib\nWSGIScriptAlias /x @ROOT@/x.py",
        files={
            "lib/from_path.py": "ANSWER = b'found'\n",
            "x.py": "import from_path\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [from_path.ANSWER]\n",
        },
    )
    assert server.get("/x").body == b"found"


def test_python_path_of_a_group(start):
    server = start(
        "WSGIDaemonProcess web python-path=@ROOT@/lib\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /x @ROOT@/x.py",
        files={
            "lib/from_path.py": "ANSWER = b'found'\n",
            "x.py": "import from_path\ndef application(e, s):\n"
            "    s('200 OK', [])\n    return [from_path.ANSWER]\n",
        },
    )
    assert server.get("/x").body == b"found"
