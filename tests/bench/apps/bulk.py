"""As many bytes as the query string says: from a generator, from a file beside, or taken in."""

import os

PIECE = b"x" * 65536
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bulk.bin")


def application(environ, start_response):
    length = environ["QUERY_STRING"]
    if environ["PATH_INFO"] == "/upload":
        answer = [b"%d" % received(environ["wsgi.input"])]
        length = str(len(answer[0]))
    elif environ["PATH_INFO"] == "/file.bin":
        answer = environ["wsgi.file_wrapper"](open(FILE, "rb"), len(PIECE))
    else:
        answer = (PIECE for _ in range(int(length) // len(PIECE)))
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", length)]
    start_response("200 OK", headers)
    return answer


def received(stream):
    total = 0
    while piece := stream.read(len(PIECE)):
        total += len(piece)
    return total
