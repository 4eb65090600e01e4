"""compat 2.17: standard streams and logging; the records of Python's `logging` keep their level."""

from __future__ import annotations

import re

import pytest

from support import inline, wait
from support.places import PLACES, ask, server_at

LEVELS = {
    "critical": "crit",
    "error": "error",
    "warning": "warn",
    "info": "info",
    "debug": "debug",
}


@pytest.fixture(params=PLACES)
def server(servers, request):
    """LogLevel is debug for us, so that every record is written."""
    return server_at(servers, request.param, "LogLevel wsgi:debug\n")


def records(server, mark, count=1):
    """The lines that hold the mark, claimed: (level, text)."""
    return [(line.level, line.text) for line in server.log.claim(mark, at_least=count)]


SETUP = """
import logging
logger = logging.getLogger("test." + environ["mod_wsgi.request_id"])
logger.propagate = False
logger.setLevel(logging.DEBUG)
"""


def log(server, code, setup=SETUP):
    server.log.mark()
    return ask(server, setup + code)


# --- text ---


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_text_is_an_error_line_by_line(server, stream):
    ask(server, f"print('mark-a', file={stream})\nprint('mark-b\\nmark-c', file={stream})")
    assert records(server, "mark-", 3) == [
        ("error", "mark-a"),
        ("error", "mark-b"),
        ("error", "mark-c"),
    ]


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_partial_line_is_written_when_the_request_ends(server, stream):
    ask(server, f"{stream}.write('mark-half')\n{stream}.flush()")
    [line] = server.log.claim("mark-half")
    assert line.text == "mark-half"
    assert line.log_id, "in the request's name"


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_there_is_no_descriptor(server, stream):
    code = f"""
try:
    {stream}.fileno()
except OSError as error:
    result = type(error).__name__
"""
    assert ask(server, code) in ("OSError", "UnsupportedOperation")


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_buffer_takes_what_is_like_bytes(server, stream):
    code = f"""
import array
buffer = {stream}.buffer
kinds = [b"mark-1\\n", bytearray(b"mark-2\\n"), memoryview(b"mark-3\\n"),
    array.array("B", b"mark-4\\n"), memoryview(b"__mark-5\\n__")[2:9]]
result = [buffer.write(kind) for kind in kinds]
try:
    buffer.write("text")
except TypeError:
    result.append("TypeError")
"""
    assert ask(server, code) == [7, 7, 7, 7, 7, "TypeError"]
    assert [text for _, text in records(server, "mark-", 5)] == [f"mark-{i}" for i in range(1, 6)]


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_pieces_of_lines(server, stream):
    code = f"""
{stream}.writelines(["mark-1 ", "a\\n", "mark-2\\n"])
result = [{stream}.buffer.writelines([b"mark-3 ", b"b\\n", b"mark-4\\n"])]
for pieces in (["text"], 5):
    try:
        {stream}.buffer.writelines(pieces)
    except TypeError:
        result.append("TypeError")
"""
    assert ask(server, code) == [None, "TypeError", "TypeError"]
    texts = [text for _, text in records(server, "mark-", 4)]
    assert texts == ["mark-1 a", "mark-2", "mark-3 b", "mark-4"]


def test_errors_of_a_request_that_is_over(server):
    ask(server, "KEPT['errors'] = environ['wsgi.errors']")
    code = """
try:
    KEPT.pop("errors").write("too late\\n")
except RuntimeError as error:
    result = str(error)
"""
    assert "after request completed" in ask(server, code)


def test_streams_are_what_mod_wsgi_has(server):
    code = """
import io
streams = [sys.stdout, sys.stderr, environ["wsgi.errors"]]
result = [[type(s) is io.TextIOWrapper, type(s.buffer).__module__ + "." + type(s.buffer).__name__,
    s.encoding, s.errors, s.line_buffering] for s in streams]
"""
    expected = [True, "mod_wsgi.Log", "utf-8", "replace", True]
    assert ask(server, code) == [expected, expected, expected]


def test_stdin_is_left_alone(server):
    assert ask(server, "result = type(sys.stdin).__name__") in ("TextIOWrapper", "NoneType")


def test_streams_are_left_alone_under_httpd_x(start):
    """One process on a terminal: what is printed is seen there, and a debugger works."""
    server = start(mode="embedded", words=("-X",))
    code = """
print("to the terminal", flush=True)
result = [type(sys.stdout.buffer).__name__, type(sys.stderr.buffer).__name__,
    type(environ["wsgi.errors"].buffer).__name__]
"""
    assert ask(server, code) == ["BufferedWriter", "BufferedWriter", "Log"]
    wait.until(lambda: "to the terminal" in server.output(), "the text")


# --- logging, by streams ---


@pytest.mark.parametrize("stream", ["sys.stderr", "sys.stdout", "environ['wsgi.errors']"])
def test_levels_of_records(server, stream):
    code = f"logger.addHandler(logging.StreamHandler({stream}))\n"
    code += "".join(f"logger.{name}('mark-{name}')\n" for name in LEVELS)
    log(server, code)
    assert records(server, "mark-", 5) == [
        (level, f"mark-{name}") for name, level in LEVELS.items()
    ]


@pytest.mark.parametrize(
    ("number", "level"), [(60, "crit"), (45, "error"), (35, "warn"), (25, "info"), (5, "debug")]
)
def test_levels_between(server, number, level):
    code = "logger.setLevel(1)\nlogger.addHandler(logging.StreamHandler())\n"
    log(server, code + f"logger.log({number}, 'mark-between')")
    assert records(server, "mark-between") == [(level, "mark-between")]


def test_last_resort(server):
    """Nothing is configured: warnings and above are written by themselves, at their level."""
    code = "logger.warning('mark-w')\nlogger.error('mark-e')\nlogger.info('mark-i')\n"
    log(server, code)
    assert records(server, "mark-", 2) == [("warn", "mark-w"), ("error", "mark-e")]


def test_a_record_of_many_lines_is_one_entry(server):
    code = """
logger.addHandler(logging.StreamHandler())
logger.warning("mark-one\\n\\n  mark-two\\nmark-three")
"""
    log(server, code)
    lines = server.log.claim("mark-", at_least=3)
    assert [line.text for line in lines] == ["mark-one", "  mark-two", "mark-three"]
    assert {line.level for line in lines} == {"warn"}
    assert len({line.log_id for line in lines}) == 1
    assert lines[0].log_id


def test_a_record_without_an_end_of_line(server):
    code = """
handler = logging.StreamHandler()
handler.terminator = ""
logger.addHandler(handler)
logger.info("mark-one")
logger.warning("mark-two")
"""
    log(server, code)
    assert records(server, "mark-", 2) == [("info", "mark-one"), ("warn", "mark-two")]


def test_traceback_of_a_record(server):
    code = """
logger.addHandler(logging.StreamHandler())
try:
    raise ValueError("mark-value")
except ValueError:
    logger.exception("mark-text")
"""
    log(server, code)
    server.log.claim_traceback("ValueError: mark-value")
    [line] = server.log.claim("mark-text")
    assert line.level == "error"


def test_a_record_of_many_threads_stays_in_one_piece(server):
    """Records of eight lines by eight threads at once, in the log of the process."""
    code = """
logger.addHandler(logging.StreamHandler())
def write(number):
    for turn in range(20):
        logger.warning("\\n".join(f"mark-{number}-{turn}-{i}" for i in range(8)))
threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    log(server, code)
    lines = server.log.claim("mark-", at_least=8 * 20 * 8, timeout=20)
    assert {line.level for line in lines} == {"warn"}
    texts = [line.text for line in lines]
    for at in range(0, len(texts), 8):
        first = texts[at].rsplit("-", 1)[0]
        assert texts[at : at + 8] == [f"{first}-{i}" for i in range(8)]


def test_a_long_record(server):
    """60 KB in lines of 1000: one entry, nothing lost."""
    code = """
logger.addHandler(logging.StreamHandler())
logger.warning("\\n".join(f"mark-{i:02} " + "x" * 990 for i in range(60)))
"""
    log(server, code)
    lines = server.log.claim("mark-", at_least=60)
    assert [line.text[:7] for line in lines] == [f"mark-{i:02}" for i in range(60)]
    assert {len(line.text) for line in lines} == {998}
    assert {line.level for line in lines} == {"warn"}


def test_a_long_line_keeps_its_level_on_any_thread(server):
    """Apache holds 8 KiB a record: the parts of a line of 30 KB are records one after another."""
    code = """
logger.addHandler(logging.StreamHandler())
text = "".join(f"mark-{i:04} " for i in range(3000))
thread = threading.Thread(target=logger.warning, args=(text,))
thread.start()
thread.join()
logger.warning(text)
"""
    log(server, code)
    lines = server.log.claim(r"mark-\d|\d mark", at_least=2 * 4)
    assert {line.level for line in lines} == {"warn"}
    text = "".join(re.sub(r"^\[pid \d+\] ", "", line.text) for line in lines)
    assert text == 2 * "".join(f"mark-{i:04} " for i in range(3000))


def test_print_after_a_record_is_an_error_again(server):
    code = """
logger.addHandler(logging.StreamHandler())
sys.stderr.write("mark-begun, ")
logger.info("mark-info")
print("mark-ended", file=sys.stderr)
"""
    log(server, code)
    assert sorted(records(server, "mark-", 2)) == [
        ("error", "mark-begun, mark-ended"),
        ("info", "mark-info"),
    ]


def test_an_error_inside_of_logging_is_an_error(server):
    code = """
logger.addHandler(logging.StreamHandler())
logger.info("mark %d", "no number")
"""
    log(server, code)
    [line] = server.log.claim("--- Logging error ---")
    assert line.level == "error"
    server.log.claim_traceback("TypeError")
    server.log.allow("Call stack|Message: 'mark|Arguments")


def test_handlers_to_files_are_not_touched(server):
    code = """
path = environ["test.scratch"] + "/own.log"
handler = logging.FileHandler(path, mode="w")
logger.addHandler(handler)
logger.warning("mark\\nfile")
handler.close()
result = open(path).read()
"""
    assert log(server, code) == "mark\nfile\n"


def test_records_of_a_thread_go_to_the_process_log(server):
    code = """
logger.addHandler(logging.StreamHandler())
thread = threading.Thread(target=lambda: logger.warning("mark-thread"))
thread.start()
thread.join()
"""
    log(server, code)
    [line] = server.log.claim("mark-thread")
    assert line.level == "warn"
    assert line.log_id in ("", "-")


def test_logging_is_not_imported_for_nothing(start, mode):
    server = start(
        "WSGIScriptAlias /own @ROOT@/own.wsgi\n",
        mode=mode,
        files={
            "own.wsgi": "import sys\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n"
            "    before = 'logging' in sys.modules\n"
            "    import logging\n"
            "    logging.warning('mark-late')\n"
            "    spec = logging.__spec__\n"
            "    return [f'{before} {spec.loader is logging.__loader__} '\n"
            "            f'{type(spec.loader).__name__}'.encode()]\n"
        },
    )
    assert server.get("/own").text == "False True SourceFileLoader"
    [line] = server.log.claim("mark-late")
    assert line.level == "warn"


# --- LogHandler ---


def test_handler_maps_levels(server):
    code = "logger.addHandler(mod_wsgi.LogHandler())\n"
    code += "".join(f"logger.{name}('mark-{name}')\n" for name in LEVELS)
    log(server, code)
    assert records(server, "mark-", 5) == [
        (level, f"mark-{name}") for name, level in LEVELS.items()
    ]


def test_handler_is_a_class_of_logging(server):
    code = """
handler = mod_wsgi.LogHandler(logging.ERROR)
handler.setFormatter(logging.Formatter("mark %(levelname)s %(message)s"))
logger.addHandler(handler)
logger.warning("no")
logger.error("\\xe9\\ud800")
result = [issubclass(mod_wsgi.LogHandler, logging.Handler), repr(mod_wsgi.LogHandler),
    mod_wsgi.LogHandler is mod_wsgi.LogHandler]
"""
    assert log(server, code) == [True, "<class 'mod_wsgi.LogHandler'>", True]
    assert records(server, "mark ")[0][0] == "error"


def test_handler_by_configuration(server):
    code = """
import logging.config
name = logger.name
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False,
    "handlers": {"apache": {"class": "mod_wsgi.LogHandler", "level": "INFO"}},
    "loggers": {name: {"handlers": ["apache"], "level": "DEBUG"}}})
logger.debug("mark-debug")
logger.info("mark-info")
"""
    log(server, code)
    assert records(server, "mark-") == [("info", "mark-info")]


@pytest.mark.parametrize("order", ["LogHandler first", "stream first"])
def test_no_record_is_written_by_both_kinds_of_handler(server, order):
    code = f"""
handlers = [mod_wsgi.LogHandler(), logging.StreamHandler()]
for handler in handlers if {order == "LogHandler first"} else handlers[::-1]:
    logger.addHandler(handler)
for turn in range(3):
    logger.warning("mark-%d", turn)
logger.handlers[0].setLevel(logging.ERROR)
logger.warning("mark-3")
"""
    log(server, code)
    assert records(server, "mark-", 4) == [("warn", f"mark-{turn}") for turn in range(4)]


def test_handler_without_a_request(server):
    code = """
logger.addHandler(mod_wsgi.LogHandler())
thread = threading.Thread(target=lambda: logger.info("mark-one\\nmark-two"))
thread.start()
thread.join()
"""
    log(server, code)
    lines = records(server, "mark-", 2)
    assert {level for level, _ in lines} == {"info"}
    assert [text.split("] ")[-1] for _, text in lines] == ["mark-one", "mark-two"]


def test_log_level_of_wsgi_decides(start, mode):
    server = start("LogLevel wsgi:warn\n", mode=mode)
    code = "logger.addHandler(mod_wsgi.LogHandler())\n"
    code += "".join(f"logger.{name}('mark-{name}')\n" for name in LEVELS)
    log(server, code)
    assert records(server, "mark-", 3) == [
        (level, f"mark-{name}") for name, level in list(LEVELS.items())[:3]
    ]


def test_log_level_of_a_location_decides(start, mode):
    """Of a request: that of its place, not of the server."""
    server = start(
        "<Location /inline>\nLogLevel wsgi:debug\n</Location>\nLogLevel warn\n", mode=mode
    )
    log(
        server,
        "logging.getLogger().addHandler(mod_wsgi.LogHandler())\nlogger.propagate = True\n"
        "logger.debug('mark-debug')",
    )
    assert records(server, "mark-") == [("debug", "mark-debug")]


def test_records_go_to_the_log_of_the_virtual_host(start, mode):
    server = start(
        "<VirtualHost *>\nServerName main.test\n</VirtualHost>\n"
        "<VirtualHost *>\nServerName other.test\nErrorLog @ROOT@/other_log\n</VirtualHost>\n",
        mode=mode,
    )
    other = server.extra_log("other_log")
    other.mark()
    code = "import logging\nlogging.warning('mark-here')\nstart_response('200 OK', [])\nreturn []"
    for host, log_of in (("other.test", other), ("main.test", server.log)):
        log_of.mark()
        assert inline.run(server, code, headers=[("Host", host)]).status == 200
        found = wait.until(lambda log_of=log_of: log_of.find("mark-here"), "the record")
        assert [line.level for line in found] == ["warn"]
        log_of.claim("mark-here")
