"""Four of five requests make a short page, the fifth waits 10 ms as well."""

import itertools
import json
import time

NUMBERS = itertools.count(1)
ITEMS = [{"name": f"item {number}", "number": number} for number in range(40)]


def application(environ, start_response):
    if next(NUMBERS) % 5 == 0:
        time.sleep(0.01)
    page = json.dumps(ITEMS).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(page)))]
    start_response("200 OK", headers)
    return [page]
