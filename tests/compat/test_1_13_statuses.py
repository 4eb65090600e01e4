"""Section 1.13: what a request gets for a mistake.

More of the table: groups that do not answer, tests/integration/test_groups.py; what takes too long,
test_2_11_each_timeout.py; bodies that cannot be read, test_2_5_input.py; processes that die,
tests/integration/test_errors.py and test_2_7_failures.py; WSGIRestrictEmbedded and WSGIRestrictProcess,
test_1_4_routing.py.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from support import inline, raw
from support.httpd import Settings
from support.servers import mounts, routing

OK = 'def application(e, s):\n    e["wsgi.input"].read()\n    s("200 OK", [])\n    return [b"ok"]\n'
FILES = {
    "scripts/ok.py": OK,
    "scripts/syntax.py": "def (:\n",
    "scripts/raises.py": "raise KeyError('while loading')\n",
    "scripts/exits.py": "import sys\nsys.exit(3)\n",
    "scripts/empty.py": "app = 1\n",
    "scripts/number.py": "application = 1\n",
    "scripts/folder/file": "",
}
CONF = """
DirectorySlash Off
WSGIScriptAliasMatch ^/scripts/([a-z]+) @ROOT@/scripts/$1.py
WSGIScriptAlias /folder @ROOT@/scripts/folder
Alias /handled @ROOT@/scripts
<Location /handled>
SetHandler wsgi-script
</Location>
<Location /handled/allowed>
Options +ExecCGI
</Location>
Alias /handled/allowed @ROOT@/scripts
WSGIScriptAlias /plain @ROOT@/scripts/ok.py
<Location /plain/none>
AcceptPathInfo Off
</Location>
<Location /scripts/ok/unchunked>
WSGIChunkedRequest Off
</Location>
<Location /scripts/ok/small>
LimitRequestBody 100
</Location>
<Location /scripts/ok/nowhere>
WSGIProcessGroup nowhere
</Location>
<Location /scripts/ok/restricted>
WSGIRestrictProcess another
</Location>
<VirtualHost *:@PORT@>
ServerName default.test
</VirtualHost>
<VirtualHost *:@PORT@>
ServerName other.test
WSGIDaemonProcess of-other-host
</VirtualHost>
<Location /scripts/ok/foreign>
WSGIProcessGroup of-other-host
</Location>
"""


@dataclass
class Row:
    what: str
    target: str
    status: int
    log: str = ""
    body: object = None
    headers: tuple = ()


ROWS = [
    Row("all is well", "/scripts/ok", 200),
    Row("Options ExecCGI off", "/handled/ok.py", 403, "PYW0200"),
    Row("no script", "/scripts/nothing", 404, "PYW0201"),
    Row("the script is a directory", "/folder", 403, "PYW0202"),
    Row("AcceptPathInfo Off", "/plain/none", 404, "PYW0203"),
    Row("chunked, WSGIChunkedRequest Off", "/scripts/ok/unchunked", 411, "PYW0204", [b"x"]),
    Row("too large by its length", "/scripts/ok/small", 413, "", b"x" * 101),
    Row(
        "too large, chunked",
        "/scripts/ok/small",
        413,
        "PYW0157|PYW0166.*the client gets 413",
        [b"x" * 60, b"x" * 60],
    ),
    Row("a length that is no number", "/scripts/ok", 400, "", None, (("Content-Length", "abc"),)),
    Row("a negative length", "/scripts/ok", 400, "", None, (("Content-Length", "-1"),)),
    Row("two lengths", "/scripts/ok", 400, "", None, (("Content-Length", "5, 6"),)),
    Row("another encoding", "/scripts/ok", 501, "", None, (("Transfer-Encoding", "gzip"),)),
    Row("a syntax error", "/scripts/syntax", 500, "PYW0105.*SyntaxError"),
    Row("an exception while loading", "/scripts/raises", 500, "PYW0105.*KeyError"),
    Row("SystemExit while loading", "/scripts/exits", 500, "PYW0105.*SystemExit"),
    Row("no such callable", "/scripts/empty", 500, "PYW0107.*'application'; it does have 'app'"),
    Row("an object that cannot be called", "/scripts/number", 500, "PYW0108.*type int"),
    Row("no such process group", "/scripts/ok/nowhere", 500, "PYW0209"),
    Row("a process group that is not allowed", "/scripts/ok/restricted", 500, "PYW0221"),
    Row("a process group of another host", "/scripts/ok/foreign", 500, "PYW0210"),
]


@pytest.fixture
def server(servers, mode):
    want = Settings(mpm=servers.mpm, extra=routing(mode) + mounts() + CONF, files=FILES)
    return servers.kept(f"1.13/{mode}", want, "/scripts/ok")


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_status(server, row):
    method = "GET" if row.body is None and not row.headers else "POST"
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.send(raw.encode(method, row.target, row.headers, row.body))
        for part in row.body if isinstance(row.body, list) else ():
            connection.send(raw.chunk(part))
        if isinstance(row.body, list):
            connection.send(b"0\r\n\r\n")
        status = connection.read_response().status
        # Apache itself answers 400 to most encodings that it does not know.
        assert status == row.status or (row.status, status) == (501, 400)
    if row.log:
        server.log.claim(row.log)
    # Apache may refuse a length before we do.
    server.log.allow("PYW0205")
    server.log.allow(r"Traceback|^(\[pid \d+\] )? {2,}|Error|SystemExit|AH\d{5}|PYW0250")


# The application itself

FAULTS = [
    ("an exception", 'raise KeyError("x")', "PYW0250: KeyError"),
    ("SystemExit", "sys.exit(1)", "PYW0251: SystemExit"),
    ("None", 'start_response("200 OK", [])\nreturn None', "PYW0250: TypeError"),
    ("no start_response", 'return [b"x"]', "PYW0250: RuntimeError"),
    ("no start_response, no body", "return []", "PYW0250: RuntimeError"),
    ("text for bytes", 'start_response("200 OK", [])\nreturn ["x"]', "PYW0250: TypeError"),
    ("an exception in the iterable", 'start_response("200 OK", [])\nyield b""\n1 / 0', "PYW0250"),
]


@pytest.mark.parametrize(("what", "code", "log"), FAULTS, ids=[row[0] for row in FAULTS])
def test_fault_before_the_head(server, what, code, log):
    response = inline.run(server, code)
    assert (response.status, response.complete) == (500, True)
    server.log.claim(log)
    server.log.allow(r"Traceback|^ {2,}|Error|SystemExit")


def test_fault_after_the_head(server):
    response = inline.run(server, 'start_response("201 Made", [])\nyield b"part"\n1 / 0')
    assert (response.status, response.body, response.complete) == (201, b"part", False)
    server.log.claim_traceback("ZeroDivisionError")


def test_request_timeout_that_escapes(server):
    response = inline.run(server, "import mod_wsgi\nraise mod_wsgi.RequestTimeout()")
    assert response.status == 504
    assert not [line for line in server.log.since_mark() if "Traceback" in line.text]


@pytest.mark.root
def test_script_that_cannot_be_read(start):
    server = start(
        "WSGIDaemonProcess web\nWSGIProcessGroup web\nWSGIScriptAlias /x @ROOT@/closed.py",
        files={"closed.py": "application = None\n"},
        prepare=lambda server: (server.root / "closed.py").chmod(0o600),
    )
    assert server.get("/x").status in (403, 500)
    server.log.claim("closed.py|Permission")
    server.log.allow(".")
