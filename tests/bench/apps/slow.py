"""What slow clients ask for: /large is 1 MiB, what is sent is read whole, all else is a word."""

LARGE = b"x" * 1048576


def application(environ, start_response):
    stream = environ["wsgi.input"]
    while stream.read(65536):
        pass
    answer = LARGE if environ["PATH_INFO"] == "/large" else b"Hello World!"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
