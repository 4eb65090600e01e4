"""Requests to several interpreters at once, each with a body, a query and output of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from support import inline
from support.httpd import HttpdInstance

REQUESTS = 40
CODE = """
    print("x" * 100)
    environ["wsgi.errors"].write("y" * 100 + "\\n")
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Group", environ["mod_wsgi.application_group"])])
    return [body, environ["QUERY_STRING"].encode()]
"""


def check(server: HttpdInstance, groups: Mapping[str, str], clients: int) -> None:
    """Each answer is of its request and of its path's application group; what was printed is in the log.

    `clients` for each path, with 40 requests each.
    """
    failures: list[str] = []

    def work(path: str) -> None:
        for number in range(REQUESTS):
            body = f"{path}{number}".encode() * 50
            response = server.request(
                "POST", f"{path}?{number}", [inline.header(CODE)], body, timeout=60
            )
            if response.body != body + str(number).encode() or (
                (response.header("X-Group") or "") != groups[path]
            ):
                failures.append(f"{path} {number}: {response.status}")

    threads = [threading.Thread(target=work, args=(path,)) for path in list(groups) * clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    server.log.claim("x{100}|y{100}")
