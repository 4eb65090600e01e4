"""Bodies of any size: /echo gives back what it reads, /pattern?N sends N bytes, /count reads."""

BLOCK = 65536


def echo(environ, size=BLOCK):
    read = environ["wsgi.input"].read
    while data := read(size):
        yield data


def pattern(total):
    block = bytes(range(256)) * (BLOCK // 256)
    while total > 0:
        yield block[:total]
        total -= len(block)


def count(environ):
    total = 0
    while data := environ["wsgi.input"].read(BLOCK):
        total += len(data)
    yield str(total).encode()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    name = environ["PATH_INFO"]
    if name == "/echo":
        return echo(environ)
    if name == "/echo8k":
        return echo(environ, 8192)
    if name == "/count":
        return count(environ)
    return pattern(int(environ["QUERY_STRING"]))
