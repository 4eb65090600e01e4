"""A browser without a window: what it makes of a page, and how that looks."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
_WORDS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --disable-dev-shm-usage"
    " --hide-scrollbars"
).split()
_DARK = "--blink-settings=preferredColorScheme=0"


def _run(*words: str) -> str:
    assert PROGRAM is not None, "there is no chromium"
    with tempfile.TemporaryDirectory(prefix="pywsgi-browser-") as profile:
        done = subprocess.run(
            [PROGRAM, *_WORDS, f"--user-data-dir={profile}", *words],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def document(url: str) -> str:
    """The document as it is when its scripts have run."""
    return _run("--dump-dom", url)


def picture(url: str, file: Path, width: int, height: int, *, is_dark: bool = False) -> bytes:
    """A PNG of the window."""
    dark = [_DARK] if is_dark else []
    _run(*dark, f"--window-size={width},{height}", f"--screenshot={file}", url)
    return file.read_bytes()


def corner(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue of the first pixel, which no filter of a PNG changes."""
    data, position = b"", 8
    while position < len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        if kind == b"IDAT":
            data += png[position + 8 : position + 8 + length]
        position += length + 12
    red, green, blue = zlib.decompress(data)[1:4]
    return red, green, blue
