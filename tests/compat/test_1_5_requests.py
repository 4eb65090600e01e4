"""Section 1.5: what a directive changes for one request."""

from __future__ import annotations

import subprocess

import pytest

from support import curl, inline, machine, raw, wait
from support.httpd import Settings
from support.servers import mounts, routing


@pytest.fixture
def server(servers, mode):
    """The server of this mode for this section: CONF stands at the end."""
    want = Settings(mpm=servers.mpm, extra=routing(mode) + mounts() + CONF)
    return servers.kept(f"1.5/{mode}", want, "/hello")


# WSGIPassAuthorization

AUTHORIZED = """
<Location /environ/on>
WSGIPassAuthorization On
</Location>
<Location /environ/on/off>
WSGIPassAuthorization Off
</Location>
"""


@pytest.mark.parametrize(
    ("path", "passes"), [("", False), ("/on", True), ("/on/off", False), ("/cgipassauth", True)]
)
def test_pass_authorization(server, path, passes):
    found = server.get("/environ" + path, [("Authorization", "Bearer abc")]).json()
    assert ("HTTP_AUTHORIZATION" in found) is passes


# WSGIChunkedRequest: accepted here by default, as mod_wsgi does with On


CHUNKED = """
<Location /hello/off>
WSGIChunkedRequest Off
</Location>
<Location /hello/on>
WSGIChunkedRequest On
</Location>
"""


@pytest.mark.parametrize(
    ("path", "status"), [("/hello", 200), ("/hello/on", 200), ("/hello/off", 411)]
)
def test_chunked_request(server, path, status):
    assert server.post(path, [b"a", b"b"]).status == status
    if status == 411:
        server.log.claim("PYW0204")


# WSGIErrorOverride: in embedded mode too

OVERRIDE = """
ErrorDocument 404 "the server's page"
ErrorDocument 503 /alive
ErrorDocument 410 /environ/gone
<Location /inline/override>
WSGIErrorOverride On
</Location>
<Location /inline/override/off>
WSGIErrorOverride Off
</Location>
"""


def answer(status, headers="[]", rest='[b"the application\'s page"]'):
    return f'start_response("{status}", {headers})\nreturn {rest}'


@pytest.mark.parametrize("path", ["/inline", "/inline/override/off"])
def test_errors_are_the_applications_own_without_override(server, path):
    response = inline.run(server, answer("404 Not Found"), path=path)
    assert (response.status, response.body) == (404, b"the application's page")


@pytest.mark.parametrize("body", ['[b"the application\'s page"]', '[b"a" * 100000] * 10', "[]"])
def test_override_replaces_the_page_and_keeps_the_status(server, body):
    response = inline.run(server, answer("404 My Own", "[]", body), path="/inline/override")
    assert (response.status, response.body) == (404, b"the server's page")
    assert response.complete


def test_override_does_not_wait_for_a_body_that_nobody_reads(start, mode):
    server = start(CONF, mode=mode, options="" if mode == "embedded" else "request-buffer-size=0")
    code = answer("404 Not Found")
    with server.connect() as connection:
        headers = [inline.header(code), ("Content-Length", "10")]
        connection.send(raw.encode("POST", "/inline/override", headers))
        response = connection.read_response("POST")
    assert (response.status, response.body) == (404, b"the server's page")


def test_override_by_a_file_and_by_an_application(server):
    response = inline.run(
        server, answer("503 Busy", "[('Retry-After', '7')]"), path="/inline/override"
    )
    assert (response.status, response.body) == (503, b"alive\n")
    assert response.header("Retry-After") == "7"
    response = inline.run(server, answer("410 Gone"), path="/inline/override")
    assert response.json()["REDIRECT_STATUS"] == ["str", "410"]


def test_override_spares_the_page_that_an_application_makes_for_the_error(start, mode):
    server = start(
        "ErrorDocument 404 /app/page\nWSGIErrorOverride On\nWSGIScriptAlias /app @ROOT@/app.wsgi",
        mode=mode,
        files={
            "app.wsgi": "def application(environ, start_response):\n"
            "    start_response('404 Not Found', [('X-Own', 'kept')])\n"
            "    return [environ['PATH_INFO'].encode()]\n"
        },
    )
    for target in ("/nothing", "/app", "/app/other"):
        response = server.get(target)
        assert (response.status, response.body) == (404, b"/page")
        assert response.header("X-Own") == "kept"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "399 Odd", "600 Odd"])
def test_override_is_for_errors_only(server, status):
    headers = "[('Location', 'http://other.test/')]" if status[0] == "3" else "[]"
    body = "[]" if status.startswith("204") else '[b"own"]'
    response = inline.run(server, answer(status, headers, body), path="/inline/override")
    assert response.status == int(status[:3])
    assert response.body == (b"" if status.startswith("204") else b"own")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("401 Who", [("WWW-Authenticate", 'Basic realm="x"')]),
        ("403 No", [("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")]),
    ],
)
def test_override_keeps_what_the_status_needs(server, status, headers):
    code = answer(status, repr([*headers, ("X-Own", "gone"), ("Content-Type", "a/b")]))
    response = inline.run(server, code, path="/inline/override")
    assert response.status == int(status[:3])
    for name, _ in headers:
        assert response.all(name) == [value for key, value in headers if key == name]
    assert response.all("X-Own") == []
    assert response.header("Content-Type").startswith("text/html")


def test_override_tells_the_applications_methods(server):
    """As far as the server knows them; it adds HEAD to GET."""
    code = answer("405 No", "[('Allow', 'GET, PATCH')]")
    response = inline.run(server, code, path="/inline/override")
    assert response.status == 405
    assert set(response.header("Allow").split(",")) == {"GET", "HEAD", "PATCH"}


def test_override_by_write_and_by_file_wrapper(server):
    write = 'start_response("404 No", [])(b"x" * 100000)\nreturn [b"y"]'
    assert inline.run(server, write, path="/inline/override").body == b"the server's page"
    file = """
        path = os.path.join(environ["test.scratch"], "file")
        with open(path, "wb") as out:
            out.write(b"z" * 100000)
        start_response("404 No", [])
        return environ["wsgi.file_wrapper"](open(path, "rb"))
    """
    assert inline.run(server, file, path="/inline/override").body == b"the server's page"


def test_override_and_an_application_that_fails_later(server):
    code = 'start_response("404 No", [])\nyield b"x"\nraise ValueError("later")'
    response = inline.run(server, code, path="/inline/override")
    assert (response.status, response.complete) == (500, True)
    server.log.claim_traceback("ValueError: later")


def test_override_leaves_the_connection_usable(server):
    header = inline.header(answer("404 No"))
    with server.connect() as connection:
        for method, body in (("GET", None), ("HEAD", None), ("GET", None)):
            response = connection.request(method, "/inline/override", [header], body)
            assert response.status == 404
        read = inline.header('environ["wsgi.input"].read()\n' + answer("404 No"))
        response = connection.request("POST", "/inline/override", [read], b"x" * 100000)
        assert response.status == 404
        assert connection.request("GET", "/hello").status == 200


@pytest.mark.http2
def test_override_over_http2(start, mode):
    server = start("Protocols h2c http/1.1" + OVERRIDE, mode=mode, modules=("http2",))
    name, value = inline.header(answer("404 No", "[]", '[b"a" * 100000] * 10'))
    result = curl.get(server.url("/inline/override"), "http2", "-H", f"{name}: {value}")
    assert (result.exit, result.status, result.body) == (0, 404, b"the server's page")


# WSGIMapHEADToGET

HEAD = """
<Location /inline/head/off>
WSGIMapHEADToGET Off
</Location>
<Location /inline/head/on>
WSGIMapHEADToGET On
</Location>
<Location /inline/head/auto>
WSGIMapHEADToGET Auto
</Location>
<LocationMatch ^/inline/head/[a-z]*/deflate>
SetOutputFilter DEFLATE
</LocationMatch>
"""
METHOD = """
    start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"]), ("Content-Type", "text/plain")])
    return [b"x" * 100]
"""


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("", "HEAD"),
        ("/off", "HEAD"),
        ("/on", "GET"),
        ("/auto", "HEAD"),
        ("/default/deflate", "GET"),
        ("/off/deflate", "HEAD"),
        ("/on/deflate", "GET"),
        ("/auto/deflate", "GET"),
    ],
)
def test_map_head_to_get(server, path, method):
    gzip = ("Accept-Encoding", "gzip")
    headers = [inline.header(METHOD), gzip]
    with server.connect() as connection:
        response = connection.request("HEAD", "/inline/head" + path, headers)
        assert response.header("X-Method") == method
        shown = connection.request("GET", "/inline/head" + path, headers)
        assert shown.header("X-Method") == "GET"
        if method == "GET":
            assert response.header("Content-Encoding") == shown.header("Content-Encoding")
            assert response.header("Content-Length") == shown.header("Content-Length")


def test_other_methods_are_never_mapped(server):
    response = inline.run(server, METHOD, "POST", path="/inline/head/on", body=b"")
    assert response.header("X-Method") == "POST"


# WSGIEnableSendfile

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t called(const char *name, int out, int in, off_t *at, size_t count)
{
    ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, name);

    close(open(MARK, O_CREAT | O_WRONLY, 0666));
    return real(out, in, at, count);
}

ssize_t sendfile(int out, int in, off_t *at, size_t count)
{
    return called("sendfile", out, in, at, count);
}

ssize_t sendfile64(int out, int in, off_t *at, size_t count)
{
    return called("sendfile64", out, in, at, count);
}
"""
FILE = """
    path = os.path.join(environ["test.scratch"], "file")
    with open(path, "wb") as out:
        out.write(b"z" * 1000000)
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](open(path, "rb"))
"""


@pytest.fixture(scope="module")
def shim():
    """A library that leaves a mark when sendfile(2) is called, and the mark."""
    root = machine.make_root()
    root.chmod(0o1777)
    (root / "shim.c").write_text(SHIM)
    command = ["gcc", "-shared", "-fPIC", f'-DMARK="{root}/mark"', "-o", str(root / "shim.so")]
    subprocess.run([*command, str(root / "shim.c")], check=True)
    yield root / "shim.so", root / "mark"
    machine.remove_tree(root)


@pytest.mark.no_asan
def test_enable_sendfile(start, mode, shim):
    """Off: no file of the application's goes out by sendfile(2). Without it, Apache's word counts."""
    library, mark = shim
    server = start(
        "<Location /inline/off>\nWSGIEnableSendfile Off\nEnableSendfile On\n</Location>\n"
        "<Location /inline/on>\nWSGIEnableSendfile On\nEnableSendfile Off\n</Location>\n"
        "<Location /inline/apache-off>\nEnableSendfile Off\n</Location>\n",
        mode=mode,
        env=(("LD_PRELOAD", str(library)),),
    )
    expected = {"/off": False, "/on": True, "/apache-off": False, "": True}
    for path, is_used in expected.items():
        mark.unlink(missing_ok=True)
        assert inline.run(server, FILE, path="/inline" + path).body == b"z" * 1000000
        assert mark.exists() is is_used, path


# WSGIPassApacheRequest

CAPSULE = """
    import ctypes
    capsule = environ.get("apache.request_rec")
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    old = KEPT.pop("capsule", None)
    try:
        was = "valid" if old is not None and get(old, b"apache.request_rec") else None
    except ValueError as error:
        was = "over"
    KEPT["capsule"] = capsule
    found = [
        type(capsule).__name__,
        bool(get(capsule, b"apache.request_rec")) if capsule is not None else None,
        was,
        repr(old),
    ]
    start_response("200 OK", [])
    return [json.dumps(found).encode()]
"""
PASS = "<Location /inline/capsule>\nWSGIPassApacheRequest On\n</Location>\n"


def test_pass_apache_request(server, mode):
    found = inline.run(server, CAPSULE, path="/inline/capsule").json()
    assert found[:2] == (["PyCapsule", True] if mode == "embedded" else ["NoneType", None])
    assert inline.run(server, CAPSULE).json()[:2] == ["NoneType", None]


@pytest.mark.parametrize("mode", ["embedded"])
def test_a_capsule_that_is_kept_gives_nothing_after_its_request(server):
    with server.connect() as connection:  # the same process both times, with any MPM
        connection.request("GET", "/inline/capsule", [inline.header(CAPSULE)])
        response = connection.request("GET", "/inline/capsule", [inline.header(CAPSULE)])
    *_, was, shown = response.json()
    assert was == "over"
    assert "of a request that is over" in shown


# WSGIIgnoreActivity: test_2_11_each_timeout.py has more


def test_ignored_requests_do_not_keep_a_process(start):
    server = start(
        "WSGIDaemonProcess web threads=2 inactivity-timeout=1\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /x @APPS@/counter/wsgi.py\n"
        "<Location /x/monitor>\nWSGIIgnoreActivity On\n</Location>"
    )
    server.expect_new_processes()
    first = server.get("/x").json()["pid"]

    def is_replaced():
        return server.get("/x/monitor").json()["pid"] != first

    wait.until(is_replaced, "the process to be replaced though it is asked all the time")


CONF = AUTHORIZED + CHUNKED + OVERRIDE + HEAD + PASS
