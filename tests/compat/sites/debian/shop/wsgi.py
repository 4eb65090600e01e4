"""Says who and where it is."""

import json
import locale
import os

import goods  # of python-path=


def application(environ, start_response):
    told = {
        "goods": goods.NAME,
        "group": environ["mod_wsgi.process_group"],
        "interpreter": environ["mod_wsgi.application_group"],
        "multiprocess": environ["wsgi.multiprocess"],
        "directory": os.getcwd(),
        "title": open("/proc/self/cmdline", "rb").read().decode().strip("\0 "),
        "encoding": locale.getpreferredencoding(),
        "umask": oct(os.umask(0o027)),
        "authorization": environ.get("HTTP_AUTHORIZATION"),
        "path": environ["PATH_INFO"],
    }
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
