"""Runs the application that a test sends along in the X-Code header (support/inline.py).

Only ever served on loopback by a private server: it executes whatever it is given.
"""

import base64
import json
import os
import sys
import textwrap
import threading
import time

# Survives from request to request of one interpreter, for tests that look behind one.
KEPT = {}


def write_result(environ, name, value):
    """Leave a value for the test where it can be read after the request."""
    path = os.path.join(environ["test.scratch"], name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(path + ".new", path)


NAMES = {
    "KEPT": KEPT,
    "json": json,
    "os": os,
    "sys": sys,
    "threading": threading,
    "time": time,
    "write_result": write_result,
}


def application(environ, start_response):
    source = base64.b64decode(environ.pop("HTTP_X_CODE")).decode("utf-8")
    names = dict(NAMES)
    body = "def inline(environ, start_response):\n" + textwrap.indent(source, "    ")
    exec(compile(body, "<inline>", "exec"), names)
    return names["inline"](environ, start_response)
