"""Serves files that end in .greet."""


def handle_request(environ, start_response):
    with open(environ["SCRIPT_FILENAME"], "rb") as file:
        name = file.read().strip()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, " + name]
