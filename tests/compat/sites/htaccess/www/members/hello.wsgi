"""Tells what it was asked, as JSON."""

import json


def application(environ, start_response):
    keys = ("SCRIPT_NAME", "PATH_INFO", "SITE_COLOUR", "HTTP_AUTHORIZATION", "QUERY_STRING")
    told = {key: environ.get(key) for key in keys}
    told["method"] = environ["REQUEST_METHOD"]
    told["client"] = environ["REMOTE_ADDR"]
    told["group"] = environ["mod_wsgi.process_group"]
    told["body"] = environ["wsgi.input"].read().decode()
    status = "404 Not Found" if environ["PATH_INFO"] == "/gone" else "200 OK"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def members(environ, start_response):
    environ["SITE_COLOUR"] = "members only"
    return application(environ, start_response)
