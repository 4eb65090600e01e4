"""Reads the whole body in pieces of 64 KiB and answers with its length."""


def application(environ, start_response):
    stream, total = environ["wsgi.input"], 0
    while piece := stream.read(65536):
        total += len(piece)
    answer = b"%d" % total
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
