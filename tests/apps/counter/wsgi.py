"""State that tells processes and interpreters apart: pid, module name, requests so far."""

import json
import os
import threading

lock = threading.Lock()
requests = 0


def application(environ, start_response):
    global requests
    with lock:
        requests += 1
        number = requests
    body = {
        "pid": os.getpid(),
        "number": number,
        "module": __name__,
        "file": __file__,
        "process_group": environ["mod_wsgi.process_group"],
        "application_group": environ["mod_wsgi.application_group"],
        "callable_object": environ["mod_wsgi.callable_object"],
        "thread": threading.get_ident(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def other(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"other callable"]


not_callable = 42
