"""Section 2.2: the WSGI environ: every key, its type and its value, the same in both modes."""

from __future__ import annotations

import os
import ssl
import subprocess
import time

import pytest

from support import inline, wait
from support.servers import GROUP


def environ(server, target="/environ", method="GET", headers=(), body=None):
    """Values by key, and types by key."""
    response = server.request(method, target, headers, body)
    assert response.status == 200, response.body
    shown = response.json()
    return {key: value for key, (_, value) in shown.items()}


def types(server):
    return {key: kind for key, (kind, _) in server.get("/environ").json().items()}


def test_is_a_plain_dict_of_strings(server):
    found = types(server)
    assert environ(server)["test.type"] == "dict"
    cgi = {key: kind for key, kind in found.items() if "." not in key}
    assert set(cgi.values()) == {"str"}, cgi


def test_request_line(server):
    found = environ(server, "/environ/a%20b/c?x=1&y=%zz+&z=%C3%A9")
    assert found["REQUEST_METHOD"] == "GET"
    assert found["REQUEST_URI"] == "/environ/a%20b/c?x=1&y=%zz+&z=%C3%A9"
    assert found["SCRIPT_NAME"] == "/environ"
    assert found["PATH_INFO"] == "/a b/c"
    assert found["QUERY_STRING"] == "x=1&y=%zz+&z=%C3%A9"
    assert found["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert found["REQUEST_SCHEME"] == "http"


@pytest.mark.parametrize(
    ("target", "script_name", "path_info", "query"),
    [
        ("/environ", "/environ", "", ""),
        ("/environ?", "/environ", "", ""),
        ("/environ/", "/environ", "/", ""),
        ("/environ/?q", "/environ", "/", "q"),
        ("/environ//a///b", "/environ", "/a/b", ""),
        ("//environ/a", "/environ", "/a", ""),
        ("/environ/%E2%98%83", "/environ", "/\u00e2\u0098\u0083", ""),
        ("/environ/%ff", "/environ", "/\u00ff", ""),
        ("/environ/a?b=c?d", "/environ", "/a", "b=c?d"),
        ("/environ/./a/../b", "/environ", "/b", ""),
        ("/environ/%3Fa", "/environ", "/?a", ""),
    ],
)
def test_path(server, target, script_name, path_info, query):
    found = environ(server, target)
    assert found["SCRIPT_NAME"] == script_name
    assert found["PATH_INFO"] == path_info
    assert found["QUERY_STRING"] == query
    assert found["REQUEST_URI"] == target
    assert found["mod_wsgi.script_name"] == script_name
    assert found["mod_wsgi.path_info"] == path_info


def test_an_absolute_target_is_shown_without_scheme_and_host(server):
    with server.connect() as connection:
        connection.send(b"GET http://b.test/environ//x?y=//z HTTP/1.1\r\nHost: a.test\r\n\r\n")
        found = {key: value for key, (_, value) in connection.read_response().json().items()}
    assert found["REQUEST_URI"] == "/environ//x?y=//z"
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == ("/x", "y=//z")
    assert found["SERVER_NAME"] == found["HTTP_HOST"] == "b.test"


def test_server_and_peer(server):
    with server.connect() as connection:
        port = connection.sock.getsockname()[1]
        response = connection.request("GET", "/environ", [("Host", f"example.test:{server.port}")])
    found = {key: value for key, (_, value) in response.json().items()}
    assert found["SERVER_NAME"] == "example.test"
    assert found["SERVER_PORT"] == str(server.port)
    assert found["SERVER_ADDR"] == "127.0.0.1"
    assert found["REMOTE_ADDR"] == "127.0.0.1"
    assert found["REMOTE_PORT"] == str(port)
    assert "Apache/2" in found["SERVER_SOFTWARE"]
    assert "SERVER_ADMIN" in found
    assert found["DOCUMENT_ROOT"] == str(server.root / "htdocs")
    assert found["SCRIPT_FILENAME"] == str(server.around.apps / "environ/wsgi.py")
    assert "CONTEXT_PREFIX" in found
    assert "CONTEXT_DOCUMENT_ROOT" in found


@pytest.mark.parametrize(
    ("headers", "key", "value"),
    [
        ([("X-Thing", "a")], "HTTP_X_THING", "a"),
        ([("x-tHiNG", "a")], "HTTP_X_THING", "a"),
        ([("X-Thing", "a"), ("X-Thing", "b")], "HTTP_X_THING", "a, b"),
        ([("X-Thing", "")], "HTTP_X_THING", ""),
        ([("X-Thing", "  padded\t ")], "HTTP_X_THING", "padded"),
        ([("X-Thing", "caf\u00e9")], "HTTP_X_THING", "caf\u00e9"),
        ([("X-Thing2", "digit")], "HTTP_X_THING2", "digit"),
        ([("Cookie", "a=b; c=d")], "HTTP_COOKIE", "a=b; c=d"),
        ([("Accept", "*/*")], "HTTP_ACCEPT", "*/*"),
        ([("User-Agent", "me")], "HTTP_USER_AGENT", "me"),
        ([("Content-Type", "text/x")], "CONTENT_TYPE", "text/x"),
        ([("Content-Length", "0")], "CONTENT_LENGTH", "0"),
    ],
)
def test_headers(server, headers, key, value):
    assert environ(server, headers=headers)[key] == value


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("X_Under", ["HTTP_X_UNDER"]),
        ("X.Dot", ["HTTP_X_DOT", "HTTP_X.DOT"]),
        ("Proxy", ["HTTP_PROXY"]),
        ("Authorization", ["HTTP_AUTHORIZATION"]),
        ("Proxy-Authorization", ["HTTP_PROXY_AUTHORIZATION"]),
        ("Content_Length", ["HTTP_CONTENT_LENGTH", "CONTENT_LENGTH"]),
    ],
)
def test_headers_that_do_not_arrive(server, name, keys):
    found = environ(server, headers=[(name, "5")])
    assert not set(keys) & set(found)


def test_an_underscore_does_not_replace_a_hyphen(server):
    found = environ(server, headers=[("X-Real-Ip", "good"), ("X_Real_Ip", "evil")])
    assert found["HTTP_X_REAL_IP"] == "good"


def test_content_headers_only_when_sent(server):
    found = environ(server)
    assert not {"CONTENT_LENGTH", "CONTENT_TYPE"} & set(found)
    found = environ(server, method="POST", headers=[("Content-Type", "a/b")], body=b"12345")
    assert (found["CONTENT_LENGTH"], found["CONTENT_TYPE"]) == ("5", "a/b")
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(found)


@pytest.mark.parametrize("path", ["/environ/authorized", "/environ/cgipassauth"])
def test_authorization_passes_when_asked_for(server, path):
    found = environ(server, path, headers=[("Authorization", "Bearer abc")])
    assert found["HTTP_AUTHORIZATION"] == "Bearer abc"


@pytest.mark.parametrize(
    ("path", "passes"), [("/environ/authorized", False), ("/environ/cgipassauth", True)]
)
def test_authorization_for_a_proxy_passes_by_apaches_directive_alone(server, path, passes):
    found = environ(server, path, headers=[("Proxy-Authorization", "Bearer abc")])
    assert ("HTTP_PROXY_AUTHORIZATION" in found) == passes


@pytest.mark.parametrize(
    "key",
    [
        "PATH",
        "PATH_TRANSLATED",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "AUTH_TYPE",
        "SERVER_SIGNATURE",
        "GATEWAY_INTERFACE",
        "HTTPS",
        "test.left_behind",
    ],
)
def test_keys_that_are_not_there(server, key):
    environ(server)
    assert key not in environ(server)


def test_nothing_is_left_behind_by_the_request_before(server):
    with server.connect() as connection:
        for _ in range(3):
            found = connection.request("GET", "/environ?mine").json()
            assert found["QUERY_STRING"] == ["str", "mine"]


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"]
)
def test_methods(server, method):
    assert environ(server, method=method)["REQUEST_METHOD"] == method


def test_wsgi_keys(server):
    found, kinds = environ(server), types(server)
    assert (found["wsgi.version"], kinds["wsgi.version"]) == ([1, 0], "tuple")
    assert (found["wsgi.url_scheme"], kinds["wsgi.url_scheme"]) == ("http", "str")
    assert found["wsgi.input_terminated"] is True
    assert found["wsgi.run_once"] is False
    assert kinds["wsgi.input"] == "Input"
    assert kinds["wsgi.errors"] == "TextIOWrapper"
    assert "FileWrapper" in str(found["wsgi.file_wrapper"])


def test_concurrency_flags(server, mode):
    found, kinds = environ(server), types(server)
    assert kinds["wsgi.multithread"] == kinds["wsgi.multiprocess"] == "bool"
    assert found["wsgi.multithread"] is True
    if mode != "embedded":
        assert found["wsgi.multiprocess"] is (mode == "daemon_multi")


def test_embedded_in_several_children_is_multiprocess(start):
    server = start(mode="embedded", children=2)
    assert environ(server)["wsgi.multiprocess"] is True


@pytest.mark.parametrize(
    ("options", "multithread", "multiprocess"),
    [
        ("threads=1", False, False),
        ("threads=1 processes=1", False, True),
        ("processes=1", True, True),
        ("", True, False),
    ],
)
def test_concurrency_flags_follow_the_options(start, options, multithread, multiprocess):
    server = start(
        f"WSGIDaemonProcess one {options}\nWSGIProcessGroup one\n"
        "WSGIScriptAlias /environ @APPS@/environ/wsgi.py"
    )
    found = environ(server)
    assert found["wsgi.multithread"] is multithread
    assert found["wsgi.multiprocess"] is multiprocess


RUN_ONCE = {
    "both": "threads=1 maximum-requests=1",
    "requests": "threads=2 maximum-requests=1",
    "thread": "threads=1",
    "two": "threads=1 maximum-requests=2",
}


def test_run_once_is_a_process_with_one_thread_for_one_request(start):
    lines = [
        f"WSGIDaemonProcess {name} {options}\n"
        f"WSGIScriptAlias /{name} @APPS@/environ/wsgi.py process-group={name}"
        for name, options in RUN_ONCE.items()
    ]
    server = start("\n".join([*lines, "WSGIScriptAlias /embedded @APPS@/environ/wsgi.py"]))
    server.expect_new_processes()
    server.log.allow("PYW0065")
    found = {name: environ(server, f"/{name}")["wsgi.run_once"] for name in [*RUN_ONCE, "embedded"]}
    assert found == {
        "both": True,
        "requests": False,
        "thread": False,
        "two": False,
        "embedded": False,
    }


def test_module_keys(server, mode):
    found, kinds = environ(server, "/environ/x"), types(server)
    for key in ("apache.version", "mod_wsgi.version"):
        assert kinds[key] == "tuple"
        assert len(found[key]) == 3
        assert all(isinstance(part, int) for part in found[key])
    assert found["apache.version"][:2] == [2, 4]
    assert found["mod_wsgi.process_group"] == ("" if mode == "embedded" else GROUP)
    assert found["mod_wsgi.application_group"] == ""
    assert found["mod_wsgi.callable_object"] == "application"
    assert found["mod_wsgi.request_handler"] == "wsgi-script"
    assert found["mod_wsgi.handler_script"] == ""
    assert found["mod_wsgi.listener_host"] in ("127.0.0.1", "")
    assert found["mod_wsgi.listener_port"] == str(server.port)
    assert int(found["mod_wsgi.server_pid"]) in server.children()
    assert isinstance(found["mod_wsgi.request_id"], str)
    assert kinds["mod_wsgi.thread_id"] == "int"


def test_no_internal_keys(server):
    assert not [key for key in environ(server) if key.startswith("mod_wsgi.x-")]


def test_times(server, mode):
    before = time.time()
    found, kinds = environ(server), types(server)
    after = time.time()
    names = ("request_start", "queue_start", "daemon_start", "application_start")
    assert {kinds[f"mod_wsgi.{name}"] for name in names} == {"float"}
    request, queue, daemon, application = (found[f"mod_wsgi.{name}"] for name in names)
    assert before - 0.01 <= request <= application <= after + 0.01
    if mode == "embedded":
        assert queue == daemon == 0.0
    else:
        assert request <= queue <= daemon <= application


def test_request_id_is_in_the_access_log(server):
    found = environ(server)
    log, request_id = server.root / "access_log", found["mod_wsgi.request_id"]
    wait.until(lambda: request_id in log.read_text(), "the access log to name the request")


def test_the_connections_id_is_there_once_apache_has_made_one(server):
    """It makes one when it writes the first record about the connection, here the application's."""
    code = """
        print("a record", file=environ["wsgi.errors"])
        start_response("200 OK", [])
        return [environ.get("mod_wsgi.connection_id", "none").encode()]
    """
    with server.connect() as connection:
        first, second = (
            connection.request("GET", "/inline", [inline.header(code)]).text for _ in range(2)
        )
    one, other = server.log.claim("a record", at_least=2)
    assert first == "none"
    assert second == one.conn_id == other.conn_id


def test_two_hundred_headers(server):
    """More than fits into a first guess of any buffer."""
    headers = [(f"X-Many-{index}", str(index) * 20) for index in range(90)]
    found = environ(server, headers=headers)
    assert all(found[f"HTTP_X_MANY_{index}"] == str(index) * 20 for index in range(90))


def test_a_long_target(server):
    query = "q" * 7000
    assert environ(server, f"/environ?{query}")["QUERY_STRING"] == query


def test_protocol_versions(server):
    with server.connect() as connection:
        connection.send(b"GET /environ HTTP/1.0\r\n\r\n")
        found = connection.read_response().json()
    assert found["SERVER_PROTOCOL"] == ["str", "HTTP/1.0"]


def test_remote_user(start, mode):
    """Present once Apache has authenticated somebody."""
    server = start(
        "<Location /environ>\nAuthType Basic\nAuthName test\nAuthBasicProvider file\n"
        "AuthUserFile @ROOT@/users\nRequire valid-user\n</Location>",
        mode=mode,
        modules=("authn_file", "auth_basic", "authz_user"),
        files={"users": "me:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"},
    )
    assert server.get("/environ").status == 401
    found = environ(server, headers=[("Authorization", "Basic bWU6cGFzc3dvcmQ=")])
    assert (found["REMOTE_USER"], found["AUTH_TYPE"]) == ("me", "Basic")
    assert "HTTP_AUTHORIZATION" not in found


REDIRECTS = """
ErrorDocument 404 /environ/missing
RewriteEngine On
RewriteRule ^/old /nowhere [PT]
<Location /environ/full>
QualifyRedirectURL On
</Location>
<Location /private>
AuthType Basic
AuthName test
AuthBasicProvider file
AuthUserFile @ROOT@/users
Require valid-user
ErrorDocument 404 /environ/full
</Location>
"""
USERS = "me:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"


def test_redirect_keys(start, mode):
    server = start(
        REDIRECTS,
        mode=mode,
        modules=("authn_file", "auth_basic", "authz_user"),
        files={"users": USERS},
    )
    response = server.get("/nowhere?a=b")
    assert response.status == 200, "the application's status is what goes out"
    found = {key: value for key, (_, value) in response.json().items()}
    assert found["REDIRECT_URL"] == "/nowhere"
    assert found["REDIRECT_QUERY_STRING"] == "a=b"
    assert found["REDIRECT_STATUS"] == "404"
    assert found["REQUEST_URI"] == "/nowhere?a=b"
    assert "REDIRECT_REMOTE_USER" not in found
    found = environ(server, "/private/x", headers=[("Authorization", "Basic bWU6cGFzc3dvcmQ=")])
    assert found["REDIRECT_URL"] == server.fill("http://127.0.0.1:@PORT@/private/x")
    assert found["REDIRECT_REMOTE_USER"] == "me"
    assert "REDIRECT_QUERY_STRING" not in found
    assert not {"REMOTE_USER", "REDIRECT_URL"} & set(environ(server))


def test_the_daemon_has_its_own_process(server, mode):
    pid = server.get("/counter").json()["pid"]
    assert pid != os.getpid()
    assert (pid in server.daemons()) is (mode != "embedded")


TLS = """
LogLevel ssl:error
Listen 127.0.0.1:@PORT2@ https
<VirtualHost 127.0.0.1:@PORT2@>
ServerName localhost
SSLEngine On
SSLCertificateFile @ROOT@/tls/cert.pem
SSLCertificateKeyFile @ROOT@/tls/key.pem
<Location /environ/more>
SSLOptions +StdEnvVars
</Location>
<Location /environ/proxied>
WSGITrustedProxyHeaders X-Forwarded-Proto
</Location>
</VirtualHost>
"""


def make_certificate(server):
    folder = server.root / "tls"
    folder.mkdir(exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def test_tls(start, mode):
    """mod_ssl says the scheme, a trusted proxy knows better, and SSL_* comes when asked for."""
    server = start(TLS, mode=mode, modules=("ssl",), prepare=make_certificate)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def ask(target, headers=()):
        with server.connect(port=server.port2) as connection:
            connection.sock = context.wrap_socket(connection.sock)
            found = connection.request("GET", target, headers).json()
        return {key: value for key, (_, value) in found.items()}

    found = ask("/environ")
    assert (found["wsgi.url_scheme"], found["REQUEST_SCHEME"]) == ("https", "https")
    assert not [key for key in found if key.startswith("SSL_") or key == "HTTPS"]
    found = ask("/environ/more")
    assert found["SSL_PROTOCOL"].startswith("TLSv1")
    assert "HTTPS" not in found
    headers = [("X-Forwarded-Proto", "http")]
    assert ask("/environ/proxied", headers)["wsgi.url_scheme"] == "http"
    assert environ(server)["wsgi.url_scheme"] == "http"


# Both modes on one server, by a header: what may differ has a name here.

DIFFERS_BY_MODE = {
    "mod_wsgi.process_group",
    "mod_wsgi.queue_start",
    "mod_wsgi.daemon_start",
    "wsgi.multiprocess",
}
# Shown with their addresses.
OBJECTS = {"wsgi.input", "wsgi.errors", "wsgi.early_hints"}
DIFFERS_BY_REQUEST = {
    "REMOTE_PORT",
    "UNIQUE_ID",
    "mod_wsgi.request_id",
    "mod_wsgi.request_start",
    "mod_wsgi.application_start",
    "mod_wsgi.thread_id",
    "HTTP_X_WHERE",
    "where",
}
EITHER = """
SetEnvIf X-Where (.*) where=$1
SetEnv some.key "some value"
WSGIDaemonProcess web threads=5
WSGIApplicationGroup main
<Location /environ>
WSGIProcessGroup %{ENV:where}
</Location>
WSGIScriptAlias /environ @APPS@/environ/wsgi.py
"""


@pytest.mark.parametrize("target", ["/environ", "/environ/a%20b//%E9?x=%C3%A9"])
def test_the_environ_is_the_same_in_both_modes(start, target):
    server = start(EITHER)
    headers = [("Content-Type", "a/b"), ("X-Thing", "caf\u00e9"), ("Cookie", "c=d"), ("X_Bad", "y")]

    def ask(where):
        response = server.request("POST", target, [*headers, ("X-Where", where)], b"body")
        assert response.status == 200, response.body
        return response.json()

    embedded, daemon = ask("%{GLOBAL}"), ask("web")
    assert embedded["mod_wsgi.process_group"] == ["str", ""]
    assert daemon["mod_wsgi.process_group"] == ["str", "web"]
    assert list(embedded.keys() ^ daemon.keys()) == []
    different = {key for key in embedded if embedded[key] != daemon[key]}
    assert different - DIFFERS_BY_REQUEST <= DIFFERS_BY_MODE | OBJECTS
    kinds = {key: (embedded[key][0], daemon[key][0]) for key in embedded}
    assert {key for key, (one, other) in kinds.items() if one != other} == set()
