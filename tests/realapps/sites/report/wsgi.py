"""Says which Python and which packages it runs on: /?package&package"""

import importlib.metadata
import json
import math  # these four are shared objects, or need one
import os
import sqlite3
import ssl
import sys
import zlib


def version(package):
    """The version that can be imported here, or null."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def application(environ, start_response):
    """One JSON object."""
    answer = {
        "version": list(sys.version_info[:3]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "pid": os.getpid(),
        "user": os.geteuid(),
        "process_group": environ["mod_wsgi.process_group"],
        "packages": {name: version(name) for name in environ["QUERY_STRING"].split("&") if name},
        "libraries": [
            math.floor(1.5),
            sqlite3.sqlite_version,
            ssl.OPENSSL_VERSION,
            zlib.ZLIB_VERSION,
        ],
    }
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
