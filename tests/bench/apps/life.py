"""Takes 5 ms and says which process it was, so that the client can tell when processes change."""

import os
import time


def application(environ, start_response):
    time.sleep(0.005)
    answer = b"%d" % os.getpid()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
