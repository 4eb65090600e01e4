"""curl, as a client whose opinion on "complete" users share."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

PROTOCOLS = {"http1": ["--http1.1"], "http2": ["--http2-prior-knowledge"]}


@dataclass(frozen=True)
class Result:
    """`exit` is 0 only for a response that curl takes for complete."""

    exit: int
    status: int
    body: bytes
    error: str


def has_http2() -> bool:
    if not shutil.which("curl"):
        return False
    done = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=False)
    return "HTTP2" in done.stdout


def get(url: str, protocol: str = "http1", *arguments: str, timeout: float = 20.0) -> Result:
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        str(timeout),
        "--write-out",
        "%{stderr}%{http_code}",
        *PROTOCOLS[protocol],
        *arguments,
        url,
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode("utf-8", "replace")
    digits = said[-3:]
    return Result(
        exit=done.returncode,
        status=int(digits) if digits.isdigit() else 0,
        body=done.stdout,
        error=said[:-3],
    )
