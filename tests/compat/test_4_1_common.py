"""What scripts that decide have in common: environ, loading, places, and that no failure lets anybody in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time

import pytest

from support import curl, rolls, wait
from support.deciders import APPLICATION, MODULES, OPTIONS, SCRIPT, basic, header, report, shown
from support.httpd import Settings

# Places of the shared server, and the function that is asked there.
ASKED = [
    ("basic", "check_password"),
    ("staff", "groups_for_user"),
    ("access", "allow_access"),
]

# environ


def environ_of(server, place, name, function, headers=()):
    expression = "report(environ, *arguments) and ['staff']"
    if function != "groups_for_user":
        expression = "report(environ, *arguments)"
    response = server.get(
        f"/{place}/{name}/x?y=1", [basic("ann"), header(function, expression), *headers]
    )
    assert response.status == 200
    return report(server)


@pytest.mark.parametrize(("name", "function"), ASKED)
def test_environ_is_a_reduced_one(deciding, place, name, function):
    seen = environ_of(deciding, place, name, function, [("X-One", "1"), ("Cookie", "a=b")])
    environ, types = seen["environ"], seen["types"]
    assert environ["REQUEST_METHOD"] == "'GET'"
    assert environ["QUERY_STRING"] == "'y=1'"
    assert environ["REQUEST_URI"] == f"'/{place}/{name}/x?y=1'"
    assert environ["SCRIPT_NAME"] == "''"
    assert environ["PATH_INFO"] == f"'/{place}/{name}/x'"
    assert environ["REMOTE_ADDR"] == "'127.0.0.1'"
    assert environ["HTTP_X_ONE"] == "'1'"
    assert environ["HTTP_COOKIE"] == "'a=b'"
    assert environ["SERVER_SIGNATURE"] == "''"
    assert environ["apache.version"].startswith("(2, 4,")
    assert types["mod_wsgi.version"] == "tuple"
    assert types["wsgi.errors"] == "TextIOWrapper"
    assert types["mod_ssl.is_https"] == types["mod_ssl.var_lookup"] == "builtin_function_or_method"
    assert environ["mod_wsgi.application_group"] == "''"
    assert environ["mod_wsgi.process_group"] == ("''" if place == "embedded" else "'scripts'")


@pytest.mark.parametrize(("name", "function"), ASKED)
def test_environ_has_nothing_that_is_not_for_scripts(deciding, place, name, function):
    environ = environ_of(deciding, place, name, function)["environ"]
    names = ("HTTP_AUTHORIZATION", "set.env", "wsgi.input", "wsgi.file_wrapper")
    # The user that is claimed is an argument; whether it is one, is the question.
    claims = () if function == "groups_for_user" else ("REMOTE_USER", "AUTH_TYPE")
    for key in (*names, *claims):
        assert key not in environ
    assert not [key for key in environ if key.startswith(("mod_wsgi.x-", "mod_pywsgi", "SSL_"))]


@pytest.mark.parametrize(("name", "function"), ASKED)
def test_both_places_see_the_same(deciding, name, function):
    def seen(place):
        whole = environ_of(deciding, place, name, function)
        environ = whole["environ"]
        for key in ("REMOTE_PORT", "UNIQUE_ID", "mod_wsgi.process_group"):
            environ.pop(key, None)
        texts = {
            key: value.replace(place, "PLACE")
            for key, value in environ.items()
            if whole["types"][key] == "str"
        }
        return texts, whole["types"], whole["arguments"]

    assert seen("embedded") == seen("daemon")


def test_the_user_is_known_to_groups_for_user(deciding, place):
    environ = environ_of(deciding, place, "staff", "groups_for_user")["environ"]
    assert environ["REMOTE_USER"] == "'ann'"
    assert environ["AUTH_TYPE"] == "'Basic'"


def test_authorization_reaches_the_script_where_it_is_passed(deciding, place):
    environ = environ_of(deciding, place, "authorization", "check_password")["environ"]
    assert environ["HTTP_AUTHORIZATION"] == repr(basic("ann")[1])


def test_wsgi_errors_and_prints_are_log_records_of_the_request(deciding, place):
    expression = "print('to stdout') or environ['wsgi.errors'].write('to errors\\n') > 0"
    response = deciding.get(f"/{place}/access", [header("allow_access", expression)])
    [first] = deciding.log.claim("to stdout")
    [second] = deciding.log.claim("to errors")
    assert first.log_id == second.log_id == shown(response)["mod_wsgi.request_id"]


def test_the_request_of_apache_is_in_environ_where_it_is_passed(start, place):
    script = """
def is_as(environ):
    return type(environ.get("apache.request_rec")).__name__ == environ.get("HTTP_X_TYPE")
def allow_access(environ, host):
    return is_as(environ)
def process_group(environ):
    assert is_as(environ) or "HTTP_X_TYPE" not in environ
"""
    passing = "WSGIPassApacheRequest On\n"
    location = (
        "<Location {}>\n{}WSGIAccessScript @ROOT@/who.py " + OPTIONS[place] + "\n</Location>\n"
    )
    server = start(
        "WSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\n"
        + f"WSGIDispatchScript @ROOT@/who.py {OPTIONS[place]}\n"
        + location.format("/passed", passing)
        + location.format("/kept", ""),
        files={"app.py": APPLICATION, "who.py": script},
    )
    capsule = "PyCapsule" if place == "embedded" else "NoneType"
    assert server.get("/passed", [("X-Type", capsule)]).status == 200
    assert server.get("/kept", [("X-Type", "NoneType")]).status == 200


# Loading


def placed(option):
    return f"""
WSGIDaemonProcess scripts processes=2 threads=2
WSGIScriptAlias / @ROOT@/app.py
WSGIApplicationGroup %{{GLOBAL}}
WSGIDispatchScript @ROOT@/who.py {option}
<Location /private>
    WSGIAccessScript @ROOT@/who.py {option}
    WSGIScriptReloading On
</Location>
"""


def put(server, text, mtime):
    path = server.write("who.py", server.fill(text))
    os.utime(path, (mtime, mtime))


def turns(server, place, old, new):
    """At once in Apache; in a process group once a process with the new script is ready."""
    if place == "embedded":
        assert server.get("/private").status == new
    else:
        rolls.until_equal(lambda: server.get("/private").status, old, new, 2)


def test_a_script_that_changed_is_loaded_again(start, place):
    """One that does not load lets nobody in, in Apache; in a process group the old one goes on."""
    server = start(placed(OPTIONS[place]), files={"app.py": APPLICATION, "who.py": SCRIPT})
    server.expect_new_processes()
    allow = "def allow_access(environ, host):\n    return {}\n"
    put(server, allow.format(True), time.time() - 100)
    assert server.get("/private").status == 200
    put(server, allow.format(False), time.time() - 50)
    turns(server, place, 200, 403)
    put(server, allow.format(True), time.time() - 45)
    turns(server, place, 403, 200)
    put(server, "no Python at all", time.time() - 40)
    if place == "embedded":
        assert server.get("/private").status == 403
    else:
        assert server.get("/private").status == 200
        server.log.claim("PYW0023", timeout=30)
        assert server.get("/private").status == 200
    put(server, allow.format(True), time.time() - 30)
    assert server.get("/private").status == 200
    (server.root / "who.py").unlink()
    turns(server, place, 200, 403)
    server.log.claim("PYW0215")
    server.log.allow(r"PYW010[45]|PYW0004|PYW0023|Traceback|^(\[pid \d+\] )? |SyntaxError")


def test_a_script_that_changed_is_kept_without_reloading(start, place):
    extra = placed(OPTIONS[place]).replace("Reloading On", "Reloading Off")
    extra = extra.replace("processes=2", "processes=1")
    server = start(extra, files={"app.py": APPLICATION, "who.py": SCRIPT})
    assert server.get("/private").status == 200
    put(server, "def allow_access(environ, host):\n    return False\n", time.time() + 5)
    assert server.get("/private").status == 200


# Where it runs


def test_tokens_of_the_application_group(start, place):
    groups = ["%{GLOBAL}", "%{SERVER}", "%{HOST}", "%{RESOURCE}", "%{ENV:NAME}", "named"]
    locations = "".join(
        f"<Location /{i}>\nWSGIAccessScript @ROOT@/who.py application-group={group} "
        f"{OPTIONS[place]}\nSetEnv NAME x\n</Location>\n"
        for i, group in enumerate(groups)
    )
    server = start(
        f"WSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\n{locations}",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
    )
    seen = []
    for i in range(len(groups)):
        expression = (
            "leave('group', [environ['mod_wsgi.application_group'],"
            " __import__('mod_wsgi').application_group]) or True"
        )
        assert server.get(f"/{i}", [header("allow_access", expression)]).status == 200
        environ, module = report(server, "group")
        assert environ == module
        seen.append(environ)
    # The last two tokens are none for these scripts: they are names like any other.
    assert seen == [
        "",
        f"localhost:{server.port}",
        f"127.0.0.1:{server.port}",
        "%{RESOURCE}",
        "%{ENV:NAME}",
        "named",
    ]


def test_a_script_runs_where_its_process_group_says(deciding):
    expression = "leave('pid', os.getpid()) or True"
    deciding.get("/embedded/access", [header("allow_access", expression)])
    assert report(deciding, "pid") in deciding.children()
    deciding.get("/daemon/access", [header("allow_access", expression)])
    assert report(deciding, "pid") in deciding.daemons()


def test_restrict_embedded_is_for_applications_alone(start):
    server = start(
        "WSGIRestrictEmbedded On\nWSGIDaemonProcess scripts\nWSGIProcessGroup scripts\n"
        "WSGIScriptAlias / @ROOT@/app.py\n"
        "<Location /there>\nWSGIAccessScript @ROOT@/who.py process-group=scripts\n</Location>\n"
        "<Location /here>\nWSGIAccessScript @ROOT@/who.py\n</Location>\n"
        "<Location /routed>\nWSGIDispatchScript @ROOT@/who.py\n</Location>\n",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
    )
    for path in ("/there", "/here", "/routed"):
        assert server.get(path).status == 200


# Failures of the process: nobody gets in

CRASHES = [
    ("basic", "check_password"),
    ("staff", "groups_for_user"),
    ("not-banned", "groups_for_user"),
    ("none-banned", "groups_for_user"),
    ("either", "groups_for_user"),
    ("access", "allow_access"),
    ("dispatch", "process_group"),
]


@pytest.mark.parametrize(("name", "function"), CRASHES)
def test_a_crash_lets_nobody_in(deciding, name, function):
    deciding.expect_new_processes()
    response = deciding.get(f"/daemon/{name}", [basic("ann"), header(function, "crash()")])
    assert response.status == 500
    deciding.log.claim("PYW0151")
    deciding.log.claim("PYW0002")
    deciding.log.allow("AH0")
    wait.until(lambda: deciding.get(f"/daemon/{name}", [basic("ann")]).status == 200, "a successor")


TIMEOUTS = ["request-timeout=1", "request-timeout=1 interrupt-timeout=30", "socket-timeout=1"]


@pytest.mark.parametrize("options", TIMEOUTS)
def test_a_timeout_lets_nobody_in(start, options):
    server = start(
        f"WSGIDaemonProcess scripts {options}\nWSGIScriptAlias / @ROOT@/app.py\n"
        "<Location /p>\nWSGIAccessScript @ROOT@/who.py process-group=scripts\n</Location>\n",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
    )
    server.expect_new_processes()
    slow = "[time.sleep(0.01) for _ in range(180)] and True"
    assert server.get("/p", [header("allow_access", slow)]).status == 500
    server.log.allow("PYW0058|PYW0153|PYW0060|PYW0061|PYW0059|Thread|File|Current|^ |^$|pid ")
    again = lambda: server.get("/p", [header("allow_access", "True")]).status == 200  # noqa: E731
    wait.until(again, "the group to answer")


def test_a_process_that_comes_back_from_a_fork_lets_nobody_in_twice(deciding, place):
    response = deciding.get(f"/{place}/access", [header("allow_access", "os.fork() > 0 or True")])
    assert response.status == 200
    deciding.log.claim("PYW0256")
    deciding.log.allow("PYW0256")


# Kinds of requests


@pytest.mark.http2
def test_http2(start, place):
    server = start(
        "Protocols h2c http/1.1\nWSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\n"
        "<Location /p>\nAuthType Basic\nAuthName here\nAuthBasicProvider wsgi\n"
        f"WSGIAuthUserScript @ROOT@/who.py {OPTIONS[place]}\nRequire valid-user\n</Location>\n",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
        modules=("http2", *MODULES),
    )
    arguments = ("-u", "ann:secret", "-d", "x" * 100000)
    result = curl.get(server.url("/p"), "http2", *arguments)
    assert (result.exit, result.status) == (0, 200)
    assert json.loads(result.body)["REMOTE_USER"] == "ann"
    assert curl.get(server.url("/p"), "http2", "-u", "ann:no").status == 401
    server.log.claim("AH01617")


def test_sub_requests_and_internal_redirects(start, place):
    option = OPTIONS[place]
    server = start(
        "WSGIDaemonProcess scripts\nWSGIProcessGroup scripts\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /app @ROOT@/app.py\n"
        f"<Location /app>\nWSGIAccessScript @ROOT@/who.py {option}\n</Location>\n"
        "RewriteEngine On\nRewriteRule ^/old$ /app/new [PT]\n"
        "ErrorDocument 404 /app/lost\n"
        "<Directory @ROOT@/htdocs>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Directory>\n",
        files={
            "app.py": APPLICATION,
            "who.py": SCRIPT,
            "htdocs/page.html": 'A<!--#include virtual="/app/part" -->Z',
            "htdocs/denied.html": 'A<!--#include virtual="/app/deny" -->Z',
        },
        modules=("include",),
    )
    note = (
        "leave('asked', [environ['SCRIPT_NAME'], environ['PATH_INFO']])"
        " or not environ['PATH_INFO'].endswith('deny')"
    )
    headers = [header("allow_access", note)]
    page = server.get("/page.html", headers)
    assert page.status == 200
    assert '"PATH_INFO": "/part"' in page.text
    assert report(server, "asked") == ["/app", "/part"]
    assert "PATH_INFO" not in server.get("/denied.html", headers).text
    assert report(server, "asked") == ["/app", "/deny"]
    server.log.claim("PYW0215")
    server.log.claim("unable to include")
    assert server.get("/old", headers).status == 200
    assert report(server, "asked") == ["/app", "/new"]
    lost = server.get("/nowhere", headers)
    assert '"PATH_INFO": "/lost"' in lost.text
    assert report(server, "asked") == ["/app", "/lost"]


def test_a_script_is_asked_while_an_application_sends(start):
    """The sub-request of a filter runs on the thread that the application is on, in the same interpreter."""
    server = start(
        "WSGIScriptAlias /app @ROOT@/app.py\nWSGIScriptAlias /outer @ROOT@/outer.py\n"
        "WSGIApplicationGroup %{GLOBAL}\n"
        "<Location /app>\nWSGIAccessScript @ROOT@/who.py\n</Location>\n"
        "<Location /outer>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>\n",
        files={
            "app.py": APPLICATION,
            "who.py": SCRIPT,
            "outer.py": "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Type', 'text/html')])\n"
            "    for i in range(3):\n"
            "        yield b'A<!--#include virtual=\"/app/part\" -->Z\\n'\n"
            "        print('after', i)\n",
        },
        modules=("include",),
    )
    response = server.get("/outer", [header("allow_access", "print('asked') or True")])
    assert response.complete
    assert response.text.count('"PATH_INFO": "/part"') == 3
    lines = server.log.claim("^(asked|after . *)$", at_least=6)
    assert len({line.log_id for line in lines if line.text.startswith("after")}) == 1
    assert all(line.log_id != "-" for line in lines)


def test_htaccess(start, place):
    option = OPTIONS[place]
    server = start(
        "WSGIDaemonProcess scripts\nWSGIScriptAlias /app @ROOT@/site/app.py\n"
        "<Directory @ROOT@/site>\nAllowOverride AuthConfig\n</Directory>\n",
        files={
            "site/app.py": APPLICATION,
            "who.py": SCRIPT,
            "site/.htaccess": "AuthType Basic\nAuthName here\nAuthBasicProvider wsgi\n"
            "WSGIAuthUserScript @ROOT@/who.py\nRequire valid-user\n",
        },
        modules=MODULES,
    )
    assert server.get("/app", [basic("ann")]).status == 200
    assert server.get("/app", [basic("ann", "no")]).status == 401
    server.log.claim("AH01617")
    # Who may write .htaccess files does not choose as which user code runs.
    if option:
        path = server.root / "site" / ".htaccess"
        path.write_text(path.read_text().replace("who.py", f"who.py {option}"))
        assert server.get("/app", [basic("ann")]).status == 500
        server.log.claim("not allowed in .htaccess")


def test_keepalive_survives_denials(deciding, place):
    with deciding.connect() as connection:
        for expression, status in [("False", 403), ("True", 200), ("fail()", 403), ("True", 200)]:
            response = connection.request(
                "GET", f"/{place}/access", [header("allow_access", expression)]
            )
            assert response.status == status
    deciding.log.claim("PYW0215", at_least=2)
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback("ValueError")


def test_the_name_of_the_client_and_the_signature(start, place):
    server = start(
        "WSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\nHostnameLookups On\n"
        "ServerSignature On\n"
        f"<Location /p>\nWSGIAccessScript @ROOT@/who.py {OPTIONS[place]}\n</Location>\n",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
    )
    assert server.get("/p", [header("allow_access", "report(environ, *arguments)")]).status == 200
    seen = report(server)
    name = socket.getnameinfo(("127.0.0.1", 0), 0)[0]
    assert seen["arguments"] == [name]
    assert seen["environ"].get("REMOTE_HOST", "'127.0.0.1'") == repr(name)
    assert "<address>" in seen["environ"]["SERVER_SIGNATURE"]


@pytest.mark.parametrize(
    ("access", "user", "status"),
    [("True", "eve", 200), ("False", "ann", 200), ("False", "eve", 401), ("fail()", "eve", 401)],
)
def test_either_access_or_a_user(satisfying, place, access, user, status):
    headers = [basic(user), header("allow_access", access)]
    assert satisfying.get(f"/{place}", headers).status == status
    satisfying.log.allow("AH0161[78]|PYW0142|Traceback|^ |ValueError")


@pytest.fixture
def satisfying(servers):
    """A server where a client has to satisfy one of two conditions."""
    locations = "".join(
        f"<Location /{name}>\nAuthType Basic\nAuthName x\nAuthBasicProvider wsgi\n"
        f"WSGIAuthUserScript @ROOT@/who.py {option}\nWSGIAccessScript @ROOT@/who.py {option}\n"
        "Require valid-user\nSatisfy Any\n</Location>\n"
        for name, option in OPTIONS.items()
    )
    settings = Settings(
        extra=f"WSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\n{locations}",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
        modules=(*MODULES, "access_compat"),
    )
    return servers.kept("satisfying", settings, "/")


# mod_ssl


def make_certificate(server):
    """A key, and a certificate that it has signed itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=secure.test/O=Test", "-addext", "subjectAltName=DNS:secure.test"]
    command += ["-keyout", str(server.root / "key.pem"), "-out", str(server.root / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


SECURE = """
Listen 127.0.0.1:@PORT2@
WSGIDaemonProcess scripts
WSGIScriptAlias / @ROOT@/app.py
<Location />
    WSGIAccessScript @ROOT@/who.py {option}
</Location>
<VirtualHost 127.0.0.1:@PORT2@>
    ServerName secure.test
    SSLEngine On
    SSLCertificateFile @ROOT@/cert.pem
    SSLCertificateKeyFile @ROOT@/key.pem
    SSLCACertificateFile @ROOT@/cert.pem
    SSLVerifyClient optional
    <Location />
        WSGIAccessScript @ROOT@/who.py {option}
    </Location>
</VirtualHost>
"""

LOOKUPS = [
    "HTTPS",
    "SSL_PROTOCOL",
    "SSL_SERVER_S_DN_CN",
    "SSL_SERVER_S_DN",
    "SSL_SERVER_SAN_DNS_0",
    "SSL_SERVER_CERT",
    "SSL_CLIENT_VERIFY",
    "SSL_CLIENT_S_DN_CN",
    "SSL_TLS_SNI",
    "SSL_CLIENT_CERT",
    "NO_SUCH_NAME",
]


def test_mod_ssl(start, place):
    server = start(
        SECURE.format(option=OPTIONS[place]),
        files={"app.py": APPLICATION, "who.py": SCRIPT},
        modules=("ssl", "socache_shmcb"),
        prepare=make_certificate,
    )
    server.log.allow("AH01906|AH01909|AH01873")
    look = (
        "leave('ssl', [environ['mod_ssl.is_https'](),"
        f" {{name: environ['mod_ssl.var_lookup'](name) for name in {LOOKUPS}}},"
        " environ['mod_ssl.var_lookup'](b'SSL_PROTOCOL')]) or True"
    )
    url = f"https://secure.test:{server.port2}/"
    arguments = ["-k", "--resolve", f"secure.test:{server.port2}:127.0.0.1"]
    arguments += ["-H", f"X-Allow-Access: {look}"]

    assert curl.get(url, "http1", *arguments).status == 200
    is_https, found, protocol = report(server, "ssl")
    assert is_https is True
    assert found["HTTPS"] == "on"
    assert found["SSL_PROTOCOL"] == protocol
    assert protocol.startswith("TLSv1.")
    assert found["SSL_SERVER_S_DN_CN"] == found["SSL_SERVER_SAN_DNS_0"] == "secure.test"
    assert found["SSL_TLS_SNI"] == "secure.test"
    assert found["SSL_SERVER_CERT"].startswith("-----BEGIN CERTIFICATE-----")
    assert found["SSL_CLIENT_VERIFY"] == "NONE"
    assert found["SSL_CLIENT_S_DN_CN"] == found["SSL_CLIENT_CERT"] == found["NO_SUCH_NAME"] == ""

    # A client with a certificate.
    own = ["--cert", str(server.root / "cert.pem"), "--key", str(server.root / "key.pem")]
    assert curl.get(url, "http1", *arguments, *own).status == 200
    _, found, _ = report(server, "ssl")
    assert found["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert found["SSL_CLIENT_S_DN_CN"] == "secure.test"
    assert found["SSL_CLIENT_CERT"] == found["SSL_SERVER_CERT"]

    # No https: mod_ssl has nothing to tell.
    assert server.get("/", [header("allow_access", look)]).status == 200
    is_https, found, protocol = report(server, "ssl")
    assert is_https is False
    assert found.pop("HTTPS") == "off"
    assert set(found.values()) == {""}
    assert protocol == ""


def test_without_mod_ssl_there_is_nothing_to_look_up(start, place):
    server = start(
        "WSGIDaemonProcess scripts\nWSGIScriptAlias / @ROOT@/app.py\n"
        f"<Location />\nWSGIAccessScript @ROOT@/who.py {OPTIONS[place]}\n</Location>",
        files={"app.py": APPLICATION, "who.py": SCRIPT},
    )
    look = (
        "leave('ssl', [environ['mod_ssl.is_https'](), environ['mod_ssl.var_lookup']('HTTPS')])"
        " or True"
    )
    assert server.get("/", [header("allow_access", look)]).status == 200
    assert report(server, "ssl") == [False, None]


def test_var_lookup_takes_text(deciding, place):
    expression = "environ['mod_ssl.var_lookup'](1)"
    assert deciding.get(f"/{place}/access", [header("allow_access", expression)]).status == 403
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback("TypeError: mod_ssl.var_lookup")
    deciding.log.claim("PYW0215")
