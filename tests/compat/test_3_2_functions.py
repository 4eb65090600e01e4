"""compat 3.2: the functions of the module, as far as no event or metric is looked at."""

from __future__ import annotations

import pytest

from support import inline, wait
from support.places import PLACES, ask, send, server_at


@pytest.fixture(params=PLACES)
def server(servers, request):
    return server_at(servers, request.param)


@pytest.mark.parametrize("what", ["events", "shutdown", "signals"])
def test_subscribing_is_a_decorator(server, what):
    server.log.allow("PYW0127")
    code = f"""
def callback(name, **fields):
    pass
same = mod_wsgi.subscribe_{what}(callback) is callback
name = {what!r}.rstrip("s").replace("shutdown", "shutdown") + "_callbacks"
callbacks = getattr(mod_wsgi, name)
result = [same, type(callbacks).__name__, callbacks[-1] is callback]
callbacks.remove(callback)
"""
    assert ask(server, code) == [True, "list", True]


@pytest.mark.parametrize("what", ["events", "shutdown", "signals"])
def test_what_cannot_be_called_cannot_subscribe(server, what):
    code = f"""
try:
    mod_wsgi.subscribe_{what}(1)
except TypeError as error:
    result = str(error)
"""
    assert ask(server, code) == "a callback must be callable, not int"


def test_request_data_is_one_dict_per_request(server):
    code = """
data = mod_wsgi.request_data()
before = dict(data)
data["mark"] = 1
result = [before, mod_wsgi.request_data() is data, mod_wsgi.request_data()]
"""
    for _ in range(2):
        assert ask(server, code) == [{}, True, {"mark": 1}]


def test_request_data_without_a_request(server):
    code = """
def look():
    try:
        mod_wsgi.request_data()
    except RuntimeError as error:
        words.append(str(error))
words = []
thread = threading.Thread(target=look)
thread.start()
thread.join()
result = words
"""
    assert ask(server, code) == ["no active request for thread"]


def test_active_requests(server):
    code = """
mine = environ["mod_wsgi.request_id"]
mod_wsgi.request_data()["mark"] = 2
result = [mine in mod_wsgi.active_requests, mod_wsgi.active_requests.get(mine),
    mod_wsgi.active_requests.get(mine) is mod_wsgi.request_data()]
"""
    for _ in range(3):
        assert ask(server, code) == [True, {"mark": 2}, True]
    wait.until(lambda: ask(server, "result = len(mod_wsgi.active_requests)") == 1, "only the asker")


def test_metrics_are_none_before_recording(start):
    server = start(mode="daemon")
    code = "result = [mod_wsgi.request_metrics(), mod_wsgi.process_metrics(), mod_wsgi.server_metrics()]"
    assert ask(server, code) == [None, None, None]
    code = "result = [mod_wsgi.start_recording_metrics(), mod_wsgi.start_recording_metrics()]"
    assert ask(server, code) == [None, None]
    assert ask(server, "result = mod_wsgi.process_metrics()['request_count']") >= 0


def test_subscribing_to_signals_in_embedded_mode_says_that_it_has_no_effect(start):
    server = start(mode="embedded")
    assert send(server, "mod_wsgi.subscribe_signals(print)").status == 200
    [line] = server.log.claim("PYW0127")
    assert line.level == "info"


def test_request_data_around_a_request_inside_of_the_request(start, mode):
    """The page that an application writes includes another's response; then it goes on with its own."""
    server = start(
        "<Location /inline>\nSetOutputFilter INCLUDES\nOptions +Includes\n</Location>\n",
        mode=mode,
        modules=("include",),
    )
    code = """
import mod_wsgi
mod_wsgi.start_recording_metrics()
mod_wsgi.request_data()["mark"] = 1
write = start_response("200 OK", [("Content-Type", "text/html")])
write(b'[<!--#include virtual="/hello" -->]')
print("mark after", file=sys.stderr)
return [str(mod_wsgi.request_data()).encode()]
"""
    for _ in range(2):
        response = inline.run(server, code)
        assert response.text.startswith("[")
        assert "#include" not in response.text
        assert response.text.endswith("]{'mark': 1}")
    for line in server.log.claim("mark after", at_least=2):
        assert line.log_id not in ("", "-"), "in the name of the outer request"


INNER = """
import mod_wsgi

try:
    found = mod_wsgi.request_data()
except RuntimeError:
    found = "nothing"
listed = list(mod_wsgi.active_requests.values())

def application(environ, start_response):
    start_response("200 OK", [])
    return [repr((found, listed)).encode()]
"""


def test_a_script_that_is_loaded_inside_of_a_request_does_not_see_it(start):
    """It may be another interpreter's."""
    server = start(
        "<Location /inline>\nSetOutputFilter INCLUDES\nOptions +Includes\n</Location>\n"
        "WSGIScriptAlias /inner @ROOT@/inner.wsgi application-group=inner",
        mode="embedded",
        modules=("include",),
        files={"inner.wsgi": INNER},
    )
    code = """
import mod_wsgi
mod_wsgi.request_data()["mark"] = 1
start_response("200 OK", [("Content-Type", "text/html")])
return [b'[<!--#include virtual="/inner" -->]']
"""
    assert inline.run(server, code).text == "[('nothing', [])]"
