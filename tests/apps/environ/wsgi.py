"""Answers with its environ as JSON: {key: [type, value]}."""

import json

BYTES_PER_CHARACTER = 1


def show(value):
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, tuple):
        return list(value)
    return repr(value)


def application(environ, start_response):
    shown = {key: [type(value).__name__, show(value)] for key, value in environ.items()}
    shown["test.type"] = ["str", type(environ).__name__]
    # What one request leaves behind the next must not see.
    environ["test.left_behind"] = "x"
    environ["QUERY_STRING"] = "left=behind"
    body = json.dumps(shown).encode("ascii")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
