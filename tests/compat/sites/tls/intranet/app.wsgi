"""Says who it is and what it was asked; where it finds `whose` is its group's affair."""

import json
import os
import sys

import whose


def application(environ, start_response):
    told = {
        "whose": whose.NAME,
        "uid": os.getuid(),
        "pid": os.getpid(),
        "directory": os.getcwd(),
        "first": sys.path[0],
        "title": open("/proc/self/cmdline", "rb").read().decode().strip("\0 "),
        "group": environ["mod_wsgi.process_group"],
        "interpreter": environ["mod_wsgi.application_group"],
        "scheme": environ["wsgi.url_scheme"],
        "tls": environ.get("SSL_PROTOCOL"),
        "https": environ.get("HTTPS"),
        "host": environ["HTTP_HOST"],
        "user": environ.get("REMOTE_USER"),
        "multiprocess": environ["wsgi.multiprocess"],
        "multithread": environ["wsgi.multithread"],
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
