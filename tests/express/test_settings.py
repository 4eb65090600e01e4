"""Settings files and variables, seen in what the server then does."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support import wait
from support.express import NOBODY, Express, environment
from support.machine import Port

pytestmark = pytest.mark.no_asan

APPLICATION = """
import sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    said = [environ.get(name, "-") for name in ("COLOUR", "SIZE", "wsgi.multithread")]
    return [" ".join([*map(str, said), *[path for path in sys.path if path.endswith("lib")]]).encode()]
"""


@pytest.mark.parametrize("name", ["pywsgi.toml", "pyproject.toml"])
def test_a_file_beside_the_application(express: Express, name: str) -> None:
    express.write("app/served.py", APPLICATION)
    express.write("app/lib/something.py", "")
    header = "[tool.mod_pywsgi]\n" if name == "pyproject.toml" else ""
    text = (
        "entry_point = 'served.py'\npython_path = ['lib']\nthreads = 1\n"
        "setenv = { COLOUR = 'blue', SIZE = 7 }\n"
    )
    path = express.write(f"app/{name}", header + text)
    # The file's entry point is relative to it, and so is its path; the variable wins over it.
    served = express.site / "app" / "served.py"
    express.start(str(served), env={"PYWSGI_THREADS": "2"})
    assert express.get().text == f"blue 7 True {served.parent / 'lib'}"
    express.stop()

    # The command line wins, and replaces all of the file's pairs. Found from the current directory.
    express.start("--config", str(path), "--setenv", "COLOUR", "red")
    assert express.get().text == f"red - False {served.parent / 'lib'}"
    assert express.shown("Application") == f"application in {served}"


def test_the_commands_for_a_running_server_read_it(express: Express) -> None:
    express.write("app.py", APPLICATION)
    express.start("app.py")
    express.write("pywsgi.toml", f"server_root = '../{express.root.name}'\nthreads = 2\n")
    shown = express.run("status", "--json")
    assert shown.returncode == 0, shown.stderr
    (group,) = json.loads(shown.stdout)["groups"]
    assert group["name"].endswith(f":{express.port}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_is_not_told_what_to_do_by_a_tenant(express: Express) -> None:
    marker = express.site.parent / "marker"
    express.write("app.py", APPLICATION)
    conf = express.write("evil.conf", f"ErrorLog '|/usr/bin/touch {marker}'\n")
    path = express.write(
        "pywsgi.toml", f"include_file = '{conf}'\nsetenv = {{ COLOUR = 'evil' }}\n"
    )
    for file in (path, express.site, express.site / "app.py", conf):
        os.chown(file, 65534, 65534)
    refused = express.refused("app.py")
    assert refused.returncode == 2
    assert f"{path} was found here, but {express.site} belongs to {NOBODY}" in refused.stderr
    assert not express.root.exists()
    assert not marker.exists()

    express.start("app.py", "--no-config")
    assert express.get().text.startswith("- - ")
    express.stop()

    express.start("app.py", env={"PYWSGI_CONFIG": ""})
    assert express.get().text.startswith("- - ")
    express.stop()
    assert not marker.exists()

    # Its owner may use it, with what he may do.
    shown = express.run("config", "app.py", user=NOBODY)
    assert shown.returncode == 0, shown.stderr
    assert 'setenv = { "COLOUR" = "evil" }' in shown.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_directory_in_which_one_may_not_look(express: Express) -> None:
    """As root's home is for the web user, and one that is gone for everybody."""
    closed = express.site / "closed"
    closed.mkdir(mode=0o700)
    words = express.command("config", "--explain", user=NOBODY)
    for shell in (f"cd {closed}", f"mkdir {closed}/gone; cd {closed}/gone; rmdir {closed}/gone"):
        shown = subprocess.run(
            ["/bin/sh", "-c", f'{shell}; exec "$@"', "sh", *words],
            env=environment(express.artifacts, {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.stdout.startswith("settings file: none"), shown.stderr


def test_config_prints_a_file_that_gives_the_same(express: Express, tmp_path: Path) -> None:
    express.write("app.py", APPLICATION)
    shown = express.run(
        "config", "app.py", "--setenv", "COLOUR", "green", env={"PYWSGI_THREADS": "1"}
    )
    assert shown.returncode == 0, shown.stderr
    express.write("pywsgi.toml", shown.stdout)
    express.start()
    assert express.get().text.rstrip() == "green - False"
    explained = express.run("config", "--explain").stdout.splitlines()
    assert explained[0] == f"settings file: {express.site / 'pywsgi.toml'}"
    assert any(line.split()[:3] == ["threads", "1", "threads"] for line in explained), explained


def test_mistakes_name_what_was_meant(express: Express) -> None:
    express.write("app.py", APPLICATION)
    refused = express.refused("app.py", "--treads", "3")
    assert refused.returncode == 2
    assert "Did you mean --threads?" in refused.stderr
    express.write("pywsgi.toml", "treads = 3\n")
    refused = express.refused("app.py")
    assert refused.returncode == 2
    assert "Did you mean threads?" in refused.stderr
    port = Port()
    port.release()
    shown = express.run("config", "--no-config", env={"PYWSGI_TREADS": "3"})
    assert "Did you mean PYWSGI_THREADS?" in shown.stderr


@pytest.mark.option("env")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]])
def test_variables_of_all_processes(express: Express, mode: list[str]) -> None:
    """Set before Python starts, for the application and for what runs beside it."""
    express.write(
        "app.py",
        """
        import os

        def application(environ, start_response):
            start_response("200 OK", [])
            return [os.environ["MESSAGE"].encode()]
        """.replace("\n        ", "\n"),
    )
    express.write("beside.py", "import os; print('beside', len(os.environ['MESSAGE']))\n")
    message = 'it\'s "so" $x; %{y} \\ grüße'
    words = ("--env", "MESSAGE", message, "--service-script", "beside", "beside.py")
    express.start("app.py", *words, *mode, "--log-level", "info")
    assert express.get().body.decode() == message
    if not mode:
        wait.until(lambda: f"beside {len(message)}" in express.error_log, "the service to print it")
