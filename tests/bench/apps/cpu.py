"""About a millisecond of pure Python, which holds the GIL all the time."""

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "8")]


def application(environ, start_response):
    total = 0
    for number in range(16384):
        total += number
    start_response("200 OK", HEADERS)
    return [b"%08x" % total]
