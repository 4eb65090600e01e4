"""The smallest WSGI application: mod-pywsgi-express start-server examples/hello.py"""


def application(environ, start_response):
    """Answer every request with one line."""
    body = b"Hello from mod_pywsgi!\n"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
