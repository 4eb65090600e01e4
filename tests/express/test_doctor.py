"""`doctor` on this machine: what it says is what start-server then does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from support.express import Express

pytestmark = pytest.mark.no_asan

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes the web user")

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
"""


def examined(express: Express, *words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """The document, by check: level and text with remedy of the worst finding."""
    shown = express.run("doctor", *words, "--json", env=env)
    assert shown.stdout, shown.stderr
    document: dict[str, Any] = json.loads(shown.stdout)
    assert shown.returncode == (0 if document["ok"] else 1)
    worst: dict[str, Any] = {}
    ranks = ("ok", "skipped", "hint", "failure")
    for found in document["checks"]:
        known = worst.get(found["check"])
        if known is None or ranks.index(found["level"]) > ranks.index(known[0]):
            worst[found["check"]] = (found["level"], f"{found['text']}\n{found['remedy']}")
    return worst


def test_a_machine_and_an_application_that_work(express: Express) -> None:
    path = express.write("app.py", APPLICATION)
    found = examined(express, "app.py", "--server-root", str(express.root))
    assert {name for name, (level, _) in found.items() if level == "failure"} == set(), found
    for check in ("Apache", "module", "daemon program", "permissions", "configuration", "address"):
        assert found[check][0] == "ok", found[check]
    assert str(path) in found["application"][1]
    # Nothing was made; and what it promised is so.
    assert not express.root.exists()
    express.start("app.py")
    assert express.get().text == "served"
    running = ("--port", str(express.port), "--server-root", str(express.root))
    assert "runs already" in examined(express, "app.py", *running)["address"][1]


def test_without_an_application_it_looks_at_the_machine(express: Express) -> None:
    shown = express.run("doctor")
    assert shown.returncode == 0, shown.stdout
    assert "hint  application: there is none in the current directory" in shown.stdout
    assert "A server will work" in shown.stdout


@needs_root
def test_a_directory_that_the_web_user_may_not_enter(express: Express) -> None:
    """What it says to type, typed, is enough."""
    express.write("home/site/app.py", APPLICATION)
    home = express.site / "home"
    home.chmod(0o700)
    refused = express.refused("home/site/app.py")
    assert f"the directory {home} may not be entered" in refused.stderr
    level, text = examined(express, "home/site/app.py")["application"]
    assert level == "failure"
    assert f"the directory {home} may not be entered" in text
    command = next(line for line in text.splitlines() if line.startswith("chmod"))
    assert command == f"chmod o+x {home}"
    assert os.system(command) == 0
    assert examined(express, "home/site/app.py")["application"][0] == "ok"
    express.start("home/site/app.py")
    assert express.get().text == "served"


@needs_root
def test_all_that_the_web_user_cannot_read(express: Express) -> None:
    express.write("app.py", APPLICATION)
    for name in ("one", "two"):
        (express.site / name).mkdir(mode=0o700)
    words = ("--url-alias", "/one", "one", "--python-path", "two", "--python-path", "missing")
    shown = express.run("doctor", "app.py", *words)
    assert shown.returncode == 1
    for remedy in (f"chmod o+rx {express.site / 'one'}", f"chmod o+rx {express.site / 'two'}"):
        assert remedy in shown.stdout
    assert f"{express.site / 'missing'} does not exist" in shown.stdout
    assert "3 things must be mended" in shown.stdout


def test_a_port_that_is_in_use(express: Express) -> None:
    express.write("app.py", APPLICATION)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        level, text = examined(express, "app.py", "--host", "127.0.0.1", "--port", port)["address"]
        assert level == "failure"
        assert f"Port {port} is in use" in text
        assert "--port" in text
        assert f"Port {port} is in use" in express.refused("app.py", "--port", port).stderr


def test_parts_for_another_python(express: Express) -> None:
    express.write("app.py", APPLICATION)
    assert express.artifacts
    parts = express.site / "libexec"
    shutil.copytree(express.artifacts.folder, parts)
    program = parts / "pywsgi-daemon"
    program.unlink()
    program.write_text("#!/bin/sh\necho pywsgi-daemon 0.1.0, for Python 3.9\n")
    program.chmod(0o755)
    found = examined(express, "app.py", env={"PYWSGI_LIBEXEC": str(parts)})
    level, text = found["daemon program"]
    assert level == "failure"
    assert f"built for Python 3.9, but {sys.prefix}" in text
    assert f"{sys.executable} -m pip install" in text
    assert found["module"][0] == "ok"

    program.write_text("#!/bin/sh\necho error while loading shared libraries >&2\nexit 127\n")
    level, text = examined(express, env={"PYWSGI_LIBEXEC": str(parts)})["daemon program"]
    assert level == "failure"
    assert "does not start: error while loading shared libraries" in text


def test_a_module_that_apache_cannot_load(express: Express) -> None:
    assert express.artifacts
    parts = express.site / "libexec"
    shutil.copytree(express.artifacts.folder, parts)
    (parts / "mod_pywsgi.so").write_bytes(b"no library")
    level, text = examined(express, env={"PYWSGI_LIBEXEC": str(parts)})["module"]
    assert level == "failure"
    assert "file too short" in text or "invalid ELF header" in text


def test_certificates(express: Express) -> None:
    express.write("app.py", APPLICATION)
    words = ("app.py", "--https-port", "8443")
    found = examined(express, *words, "--self-signed")
    assert found["certificates"][0] == "ok"
    assert found["configuration"][0] == "ok", found["configuration"]
    missing = examined(express, *words, "--ssl-certificate-file", "missing.pem")["certificates"]
    assert missing[0] == "failure"
    assert str(express.site / "missing.pem") in missing[1]


def test_apache_is_not_there(express: Express) -> None:
    found = examined(express, env={"HTTPD": "/nonexistent/httpd"})
    assert found["Apache"][0] == "failure"
    assert found["module"][0] == "skipped"
    assert found["Python"][0] == "ok"


def test_a_file_for_apache_that_it_refuses(express: Express, tmp_path: Path) -> None:
    express.write("app.py", APPLICATION)
    extra = express.write("extra.conf", "NoSuchDirective on\n")
    level, text = examined(express, "app.py", "--include-file", str(extra))["configuration"]
    assert level == "failure"
    assert "NoSuchDirective" in text
