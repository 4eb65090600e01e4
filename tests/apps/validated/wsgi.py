"""Small applications under wsgiref.validate, which complains about every slip of the server."""

from wsgiref.validate import validator


def inner(environ, start_response):
    kind = environ["PATH_INFO"]
    source = environ["wsgi.input"]
    if kind == "/read":
        body = [source.read(10), source.readline(), b"".join(source.readlines(1)), source.read(-1)]
    elif kind == "/iterate":
        body = [line for line in source]
    elif kind == "/write":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written ")
        return [b"returned"]
    else:
        body = [b"plain"]
    environ["wsgi.errors"].write("")
    environ["wsgi.errors"].writelines([])
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return body


application = validator(inner)
