"""A file of 1 MiB through wsgi.file_wrapper."""

import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "one_mib.bin")


def application(environ, start_response):
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", "1048576")]
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](open(PATH, "rb"), 65536)
