"""A Flask application that streams, both ways."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from realapps.deploy import Deployed
from support import curl, raw

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

BODY_SIZE = 9_000_000  # express allows ten MiB, unless told otherwise
TICKS = 5


@pytest.fixture(params=["daemon", "embedded", "express"])
def site(request: pytest.FixtureRequest, deploy: Callable[[str, str], Deployed]) -> Deployed:
    return deploy("flask", request.param)


def test_it_answers(site: Deployed) -> None:
    answer = site.browser().get(site.url("/"))
    assert (answer.status_code, answer.text) == (200, "Flask at /\n")


def test_lines_arrive_while_the_next_ones_are_made(site: Deployed) -> None:
    delays, notes = [], []
    with site.browser().get(site.url(f"/ticks/{TICKS}?note=here"), stream=True) as answer:
        for line in answer.iter_lines(chunk_size=1):
            number, made, note = line.decode().split()
            delays.append(time.time() - float(made))
            notes.append((int(number), note))
    assert notes == [(number, "here") for number in range(TICKS)]
    # Held back, the first line would be half a second old.
    assert delays[0] < 0.25, delays


def test_a_known_length_is_echoed_byte_for_byte(site: Deployed, tmp_path: Path) -> None:
    """curl reads while it sends; a client that does not could wait for itself here."""
    (tmp_path / "body").write_bytes(os.urandom(BODY_SIZE))
    answer = curl.get(
        site.url("/echo"),
        "http1",
        "--data-binary",
        f"@{tmp_path}/body",
        "-H",
        "Expect:",
        timeout=60,
    )
    assert (answer.exit, answer.status) == (0, 200), answer.error
    assert answer.body == (tmp_path / "body").read_bytes()


def test_a_body_without_a_length_is_echoed_byte_for_byte(site: Deployed) -> None:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for size in (1, 100_000, 65_536, 3, 1_000_000):
            piece = os.urandom(size)
            digest.update(piece)
            yield piece

    answer = site.browser().post(site.url("/echo"), data=pieces(), timeout=60)
    assert answer.status_code == 200
    assert len(answer.content) == 1_165_540
    assert hashlib.sha256(answer.content).digest() == digest.digest()


def test_the_echo_comes_before_the_upload_ends(site: Deployed) -> None:
    """Client and application in conversation: each waits for the other in turn."""
    host, _, port = site.base.removeprefix("http://").partition(":")
    with raw.Connection(host, int(port), 20) as connection:
        connection.send(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(3):
            piece = os.urandom(65536)
            connection.send(raw.chunk(piece))
            if number == 0:
                assert connection.read_head().status == 200
            assert read_chunks(connection, len(piece)) == piece, number
        connection.send(raw.chunk(b""))
        assert connection.read_until(b"0\r\n\r\n") == b"0\r\n\r\n"


def read_chunks(connection: raw.Connection, size: int) -> bytes:
    """Whole chunks, until there are `size` bytes."""
    data = b""
    while len(data) < size:
        line = connection.read_until(b"\r\n")
        assert line is not None
        part, whole = connection.read_exactly(int(line, 16))
        assert whole and connection.read_until(b"\r\n") == b"\r\n"
        data += part
    return data


def test_a_form_with_files(site: Deployed) -> None:
    small, large = b"caf\xc3\xa9\n", os.urandom(3_000_000)
    answer = site.browser().post(
        site.url("/files"),
        data={"greeting": "grüße"},
        files={"small": ("é.txt", small), "large": ("large.bin", large)},
        timeout=60,
    )
    assert answer.json() == {
        "fields": {"greeting": "grüße"},
        "files": {
            "small": ["é.txt", hashlib.sha256(small).hexdigest()],
            "large": ["large.bin", hashlib.sha256(large).hexdigest()],
        },
    }


def test_a_stream_that_breaks_is_seen_to_be_broken(site: Deployed) -> None:
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        site.browser().get(site.url("/break"))
    site.log.claim_traceback("RuntimeError: the second half is missing")
