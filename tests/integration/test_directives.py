"""Directives that belong to no section of tests/compat."""

from __future__ import annotations

import pytest

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


def test_server_header_names_the_module(start):
    server = start(ALIAS + "\nServerTokens Full")
    assert "mod_pywsgi/" in server.get("/alive").header("Server")


# What a request gets for a mistake


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
