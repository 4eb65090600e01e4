"""Process 1 of the container image: what it takes its words for, and whom its health check asks."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mod_pywsgi import docker
from support.machine import Port

KNOWN = ("start-server", "status")


def find(name: str) -> str | None:
    return f"/bin/{name}" if name in ("sh", "python3", "there") else None


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], ["start-server"]),
        (["--processes", "2"], ["start-server", "--processes", "2"]),
        (["app.py"], ["start-server", "app.py"]),
        (["shop.wsgi", "--threads", "1"], ["start-server", "shop.wsgi", "--threads", "1"]),
        (["there"], ["start-server", "there"]),  # a file here, beside a program of that name
        (["start-server", "."], ["start-server", "."]),
        (["status"], ["status"]),
        (["sh", "-c", "id"], ["sh", "-c", "id"]),
        (["python3", "manage.py", "migrate"], ["python3", "manage.py", "migrate"]),
    ],
)
def test_words_become_a_command(
    words: list[str], command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    assert docker.choose(words, KNOWN, find) == command


class Ready(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        assert self.path == "/-/ready"
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"ready":true}\n')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    made = http.server.HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Lets the server's configuration say where it listens."""
    conf = tmp_path / "httpd.conf"
    monkeypatch.setattr(docker, "_configurations", lambda: iter([conf]))

    def write(*lines: str) -> None:
        conf.write_text("".join(f"Listen {line}\n" for line in lines))

    return write


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_health_is_what_the_server_answers(
    server, listening, capsys, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    monkeypatch.setattr(Ready, "status", status)
    listening("8443 https", f'"127.0.0.1:{server.server_port}"')
    assert docker.health() == code
    assert capsys.readouterr().out == f'{status} {{"ready":true}}\n'


def test_nobody_answers(listening, capsys) -> None:
    port = Port()
    port.release()
    listening(f"127.0.0.1:{port.number}")
    assert docker.health() == 1
    assert "refused" in capsys.readouterr().out


def test_no_server_runs(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(docker, "_configurations", lambda: iter(()))
    assert docker.health() == 1
    assert "No server" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("8000", ("localhost", 8000, False)),
        ('"8000"', ("localhost", 8000, False)),
        ('"0.0.0.0:80"', ("localhost", 80, False)),
        ('"[::]:80"', ("localhost", 80, False)),
        ("*:80", ("localhost", 80, False)),
        ('"[fe80::1]:81"', ("fe80::1", 81, False)),
        ('"10.0.0.1:443" https', ("10.0.0.1", 443, True)),
        ('443 "https"', ("localhost", 443, True)),
    ],
)
def test_addresses(listening, line: str, address: tuple[str, int, bool]) -> None:
    listening(line)
    assert list(docker._addresses()) == [address]
