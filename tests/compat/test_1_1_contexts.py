"""Section 1.1: where a directive may stand."""

from __future__ import annotations

import pytest


def test_htaccess(start):
    files = {
        "ht/.htaccess": "SetHandler wsgi-script\nOptions +ExecCGI\nWSGICallableObject other\n",
        "ht/wsgi.py": "def other(e, s):\n    s('200 OK', [])\n    return [b'via htaccess']\n",
    }
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride All\n</Directory>", files=files
    )
    assert server.get("/ht/wsgi.py").body == b"via htaccess"


@pytest.mark.parametrize("directive", ["WSGIProcessGroup web", "WSGIApplicationGroup web"])
def test_not_in_htaccess(start, directive):
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride All\n</Directory>",
        files={"ht/.htaccess": directive + "\n", "ht/file": "x"},
    )
    assert server.get("/ht/file").status == 500
    server.log.claim("not allowed here")
