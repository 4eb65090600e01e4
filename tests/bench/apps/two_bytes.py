"""The smallest page: two bytes."""

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "2")]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"OK"]
