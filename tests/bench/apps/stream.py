"""A stream, a line every 50 ms: each says when it was made, by the clock that all processes share."""

import time

LINES = 5


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return lines()


def lines():
    for _ in range(LINES):
        yield b"%d\n" % time.monotonic_ns()
        time.sleep(0.05)
