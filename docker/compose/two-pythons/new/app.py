"""Says which Python it runs."""

import sys


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"Python {sys.version_info.major}.{sys.version_info.minor}\n".encode()]
