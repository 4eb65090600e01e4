"""Faults of the application: 500 to the client, and the reason in the right log, under the right id."""

from __future__ import annotations

import re

import pytest

from support import inline, wait

TWO_HOSTS = """
<VirtualHost *:@PORT@>
    ServerName first.test
    ErrorLog @ROOT@/first_log
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName second.test
    ErrorLog @ROOT@/second_log
</VirtualHost>
"""
RAISE = """
def deeper():
    raise LookupError("not in the book")
deeper()
"""


@pytest.fixture
def hosts(start, mode):
    """Two virtual hosts with a log each."""
    server = start(TWO_HOSTS, mode=mode)
    for name in ("first_log", "second_log"):
        server.extra_log(name).mark()
    return server


def ask(server, host, code, target="/inline"):
    with server.connect() as connection:
        return connection.request("GET", target, [("Host", host), inline.header(code)])


def test_traceback_in_the_log_of_the_host(hosts):
    assert ask(hosts, "first.test", RAISE).status == 500
    log = hosts.extra_log("first_log")
    log.claim_traceback("LookupError: not in the book")
    lines = [line.text for line in log.since_mark() if line.is_loud]
    assert any("Traceback (most recent call last):" in text for text in lines)
    assert any("in deeper" in text for text in lines)
    assert not hosts.extra_log("second_log").since_mark()
    assert not hosts.log.find("LookupError")


def test_every_line_has_the_id_of_the_request(hosts):
    code = "environ['wsgi.errors'].write('id ' + environ['mod_wsgi.request_id'] + '\\n')\n" + RAISE
    ask(hosts, "second.test", code)
    log = hosts.extra_log("second_log")
    [line] = log.claim(r"id \S+")
    request_id = re.search(r"id (\S+)", line.text)[1]
    log.claim_traceback("LookupError: not in the book")
    loud = [each for each in log.since_mark() if each.is_loud]
    assert {each.log_id for each in loud} == {request_id}
    log = hosts.root / "access_log"
    wait.until(lambda: request_id in log.read_text(), "the access log to name the request")


def test_the_log_says_which_script(server):
    assert inline.run(server, RAISE).status == 500
    server.log.claim_traceback("LookupError: not in the book")
    text = "\n".join(line.text for line in server.log.since_mark())
    assert str(server.around.apps / "inline/wsgi.py") in text
    assert re.search(r"PYW\d{4}: ", text)


def test_wsgi_errors(server):
    code = """
        errors = environ["wsgi.errors"]
        errors.write("first line\\nsecond caf\\u00e9 \\u2603 line\\n")
        errors.writelines(["a", "b", "c\\n"])
        print("printed", 1, 2, file=errors)
        errors.write("no newline at the end")
        errors.flush()
        errors.buffer.write(memoryview(b"raw bytes\\n"))
        start_response("200 OK", [])
        return [b"ok"]
    """
    assert inline.run(server, code).status == 200
    for text in ("first line", "second caf.* line", "abc", "printed 1 2", "no newline at the end"):
        server.log.claim(text)
    server.log.claim("raw bytes")


def test_wsgi_errors_has_no_descriptor(server):
    code = """
        try:
            environ["wsgi.errors"].fileno()
        except OSError as error:
            text = "OSError"
        start_response("200 OK", [])
        return [text.encode()]
    """
    assert inline.run(server, code).text == "OSError"


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout"])
def test_standard_streams_go_to_the_log(server, stream):
    code = f"""
        print("on the stream", file={stream}, flush=True)
        start_response("200 OK", [])
        return [b"ok"]
    """
    assert inline.run(server, code).status == 200
    server.log.claim("on the stream")


def test_a_very_long_line_is_not_lost(server):
    code = """
        environ["wsgi.errors"].write("begin" + "x" * 20000 + "end\\n")
        start_response("200 OK", [])
        return [b"ok"]
    """
    inline.run(server, code)
    server.log.claim("begin")
    server.log.allow("^x+(end)?")


def test_nothing_that_an_application_writes_forges_a_log_line(server):
    code = """
        environ["wsgi.errors"].write("honest\\r[now] [core:emerg] forged\\x1b[31m\\x00\\x07\\n")
        start_response("200 OK", [])
        return [b"ok"]
    """
    inline.run(server, code)
    [line] = server.log.claim("honest")
    assert "\r" not in line.raw
    assert "\x1b" not in line.raw
    assert not [each for each in server.log.since_mark() if each.level == "emerg"]
    server.log.allow("forged")


@pytest.mark.parametrize(
    ("app", "text"),
    [
        ("broken_import", "ModuleNotFoundError: No module named 'a_module_that_does_not_exist'"),
        ("syntax_error", "SyntaxError: "),
    ],
)
def test_script_that_cannot_be_loaded(server, app, text):
    assert server.get(f"/{app}").status == 500
    server.log.claim_traceback(text)
    assert server.get("/hello").status == 200


def test_script_without_the_callable(server):
    """500 in both modes, and the log says which name was looked for."""
    assert server.get("/bare").status == 500
    [line] = server.log.claim("PYW0107")
    assert "bare/wsgi.py" in line.text
    assert "'application'" in line.text


def test_script_that_calls_exit(start, mode):
    server = start(
        "WSGIScriptAlias /exits @ROOT@/exits.py",
        mode=mode,
        files={"exits.py": "import sys\nsys.exit('bye')\n"},
    )
    assert server.get("/exits").status == 500
    server.log.claim_traceback("SystemExit")
    assert server.get("/hello").status == 200


@pytest.mark.parametrize(
    "name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"]
)
def test_exceptions_that_are_no_errors_end_only_the_request(server, name):
    assert inline.run(server, f"raise {name}('x')").status == 500
    server.log.claim_traceback(name)
    assert server.get("/hello").status == 200


def test_chained_exceptions(server):
    code = """
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error
    """
    assert inline.run(server, code).status == 500
    server.log.claim("KeyError: 'inner'")
    server.log.claim_traceback("ValueError: outer")


def test_a_traceback_with_text_beyond_ascii(server):
    assert inline.run(server, 'raise ValueError("caf\\u00e9 \\u2603 \\ud800")').status == 500
    server.log.claim_traceback("ValueError: caf")


def test_an_exception_that_cannot_be_shown(server):
    code = """
        class Bad(Exception):
            def __str__(self):
                raise RuntimeError("no")
        raise Bad
    """
    assert inline.run(server, code).status == 500
    server.log.claim_traceback("Bad")


def test_recursion(server):
    code = """
        def deeper(n):
            return deeper(n + 1)
        deeper(0)
    """
    assert inline.run(server, code).status == 500
    server.log.claim_traceback("RecursionError")
    server.log.allow("Previous line repeated")


def test_the_error_page_says_nothing_of_the_reason(server):
    response = inline.run(server, 'raise ValueError("a secret")')
    assert b"secret" not in response.body
    assert b"Traceback" not in response.body
    assert response.complete
    server.log.claim_traceback("ValueError: a secret")


def test_error_document(start, mode):
    server = start("ErrorDocument 500 /hello", mode=mode)
    response = inline.run(server, "raise ValueError('x')")
    assert response.body == b"Hello, world\n"
    server.log.claim_traceback("ValueError: x")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        pytest.param("import ctypes; ctypes.string_at(0)", "SIGSEGV", marks=pytest.mark.no_asan),
        ("os.abort()", "SIGABRT"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_daemon_is_reported_with_the_request(start, how, name, when):
    server = start(TWO_HOSTS, mode="daemon")
    log = server.extra_log("first_log")
    [pid] = wait.until(server.daemons, "the daemon to be there")
    headers = 'start_response("200 OK", [])(b"x")' if when == "after" else "pass"
    response = None
    try:
        response = ask(server, "first.test", f"{headers}\n{how}", "/inline/y?z=1")
    except EOFError:
        assert when == "after"
    [line] = log.claim("PYW0151")
    assert f"rocess {pid} of group 'web' ended by {name} while serving GET /inline/y" in line.text
    assert line.log_id != "-"
    if when == "before":
        assert response.status == 502
    elif response is not None:
        assert not response.complete
    for each in (server.log, log):
        each.allow(r"PYW\d{4}: .*(ended|Another)|Fatal Python error|Current thread|Thread 0x|^$")
        each.allow(r"File \"|^ {2,}|Extension modules|<no Python frame>")
    wait.until(lambda: server.get("/hello").status == 200, "the group to be back")
