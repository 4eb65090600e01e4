"""1 MiB in pieces of 64 KiB and of unknown length, as exports and templates are streamed."""

PIECE = b"x" * 65536


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (PIECE for _ in range(16))
