"""Section 2.3: what a trusted proxy says of a request."""

from __future__ import annotations

import ipaddress
import json
import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import curl, raw
from support.httpd import Settings
from support.servers import mounts, routing

CATEGORIES = {
    "client": ("X-Forwarded-For", "X-Client-IP", "X-Real-IP"),
    "host": ("X-Forwarded-Host", "X-Host"),
    "server": ("X-Forwarded-Server",),
    "port": ("X-Forwarded-Port",),
    "script name": ("X-Script-Name", "X-Forwarded-Script-Name"),
    "scheme": (
        "X-Forwarded-Proto",
        "X-Forwarded-Scheme",
        "X-Scheme",
        "X-Forwarded-HTTPS",
        "X-Forwarded-SSL",
        "X-HTTPS",
    ),
}
CATEGORY_OF = {name: category for category, names in CATEGORIES.items() for name in names}
KEY_OF = {
    "client": "REMOTE_ADDR",
    "host": "HTTP_HOST",
    "server": "SERVER_NAME",
    "port": "SERVER_PORT",
    "script name": "SCRIPT_NAME",
    "scheme": "wsgi.url_scheme",
}
HOST = "site.test"


def environ_key(header):
    return "HTTP_" + header.upper().replace("-", "_")


WATCHED = [*KEY_OF.values(), "mod_wsgi.mount_point", *map(environ_key, CATEGORY_OF)]


# The rules once more, in Python


@dataclass(frozen=True)
class Scope:
    """What the two directives say in one scope."""

    headers: tuple[str, ...] | None
    proxies: tuple[str, ...] | None

    def directives(self):
        lines = []
        if self.headers:
            lines.append("WSGITrustedProxyHeaders " + " ".join(self.headers))
        if self.proxies:
            lines.append("WSGITrustedProxies " + " ".join(self.proxies))
        return "\n".join(lines)

    def trusts(self, text):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if address.version == 6 and address.ipv4_mapped:
            address = address.ipv4_mapped
        networks = [ipaddress.ip_network(entry, strict=False) for entry in self.proxies]
        return any(address in network for network in networks)


def meaning(header, value, scope):
    """What a header makes of its category's key, and what its own key is afterwards; or None."""
    category = CATEGORY_OF[header]
    if header == "X-Forwarded-For":
        return chain(value, scope)
    if category == "scheme":
        yes, no = (
            (("https",), ("http",))
            if header in CATEGORIES["scheme"][:3]
            else (("on", "true", "1"), ("off", "false", "0"))
        )
        if value.lower() in yes:
            return "https", value
        return ("http", value) if value.lower() in no else None
    if category == "port":
        is_port = value.isdigit() and len(value) <= 5 and int(value) < 65536
        return (value, value) if is_port else None
    if category == "script name":
        return value, value
    return (value, value) if value else None


def chain(value, scope):
    elements = [element.strip(" \t") for element in value.split(",") if element.strip(" \t")]
    if not elements:
        return None
    if scope.proxies is None:
        return elements[0], value
    at = len(elements)
    while at > 0 and scope.trusts(elements[at - 1]):
        at -= 1
    at = max(at - 1, 0)
    return elements[at], ", ".join(elements[at:])


def apply(scope, sent):
    """By category: the key of the header that counts, the value for its category, and its own."""
    applied = {}
    for name in scope.headers:
        if name in sent and (found := meaning(name, sent[name], scope)):
            applied[CATEGORY_OF[name]] = (environ_key(name), *found)
    return applied


def model(scope, peer, headers):
    """The watched part of environ."""
    environ = {
        "REMOTE_ADDR": peer,
        "HTTP_HOST": HOST,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SCRIPT_NAME": "/environ",
        "wsgi.url_scheme": "http",
    }
    sent = {}
    for name, value in headers:
        sent[name] = f"{sent[name]}, {value}" if name in sent else value
    environ.update({environ_key(name): value for name, value in sent.items()})
    if scope.headers is None:
        return environ
    applied = {}
    if scope.proxies is None or scope.trusts(peer):
        applied = apply(scope, sent)
    for category in {CATEGORY_OF[name] for name in scope.headers}:
        for name in CATEGORIES[category]:
            environ.pop(environ_key(name), None)
        if category in applied:
            own, value, kept = applied[category]
            environ[own] = kept
            environ[KEY_OF[category]] = value
            if category == "script name":
                environ["mod_wsgi.mount_point"] = value
    return environ


# One configuration for all: a place for each scope


def make_scopes():
    some = random.Random(23)
    everything = list(CATEGORY_OF)
    proxies = [None, ("127.0.0.1",), ("127.0.0.1", "10.0.0.0/8"), ("10.0.0.0/8", "2001:db8::/32")]
    proxies += [("127.0.0.0/8", "10.1.0.0/16", "::1"), ("0.0.0.0/1", "128.0.0.0/1", "2000::/3")]
    scopes = [Scope(None, None), Scope(None, ("127.0.0.1",))]
    for names in CATEGORIES.values():
        scopes += [Scope(names, each) for each in proxies[:3]]
    for each in proxies * 3:
        scopes.append(Scope(tuple(some.sample(everything, some.randint(1, 8))), each))
    return scopes


SCOPES = make_scopes()


@pytest.fixture
def proxied(servers, mode):
    scopes = {f"s{number}": scope for number, scope in enumerate(SCOPES)}
    scopes |= {f"f{number}": Scope(row[1], row[2]) for number, row in enumerate(ONE)}
    places = "\n".join(
        f"<Location /environ/{name}/>\n{scope.directives()}\n</Location>"
        for name, scope in scopes.items()
    )
    extra = f"{routing(mode)}{mounts()}ServerName {HOST}:80\nUseCanonicalName On\n{places}"
    return servers.kept(f"proxies/{mode}", Settings(mpm=servers.mpm, extra=extra), "/hello")


def ask(server, path, headers, source="127.0.0.1", host=None, port=None):
    with raw.Connection(host or server.host, port or server.port, source=source) as connection:
        response = connection.request("GET", path, [("Host", HOST), *headers])
    assert response.status == 200, response.body
    return {key: value for key, (_, value) in response.json().items()}


def watched(environ):
    return {key: environ[key] for key in WATCHED if key in environ}


addresses = st.sampled_from(
    [
        *("127.0.0.1", "127.0.0.9", "10.1.2.3", "10.200.0.1", "192.0.2.7", "203.0.113.5"),
        *("2001:db8::5", "2001:db9::5", "::1", "::ffff:10.1.2.3", "::ffff:192.0.2.7"),
        *("", " ", "unknown", "10.1.2.3:80", "[::1]", "10.1.2", "10.1.2.3 x", "127.1", "0x7f.1"),
    ]
)
chains = st.builds(
    lambda elements, glue: glue.join(elements),
    st.lists(addresses, max_size=5),
    st.sampled_from([",", ", ", " ,", ",,", "\t, "]),
)
words = st.sampled_from(["", "other.test", "other.test:8080", "a, b", "caf\u00e9"])
VALUES = {
    "client": chains,
    "host": words,
    "server": words,
    "port": st.sampled_from(
        ["", "80", "443", "8443", "0", "-1", "443, 80", "x", "99999", "100000"]
    ),
    "script name": st.sampled_from(["", "/", "/mount", "/a/b", "relative"]),
    "scheme": st.sampled_from(
        "https http HTTPS Http on On off OFF true True false 1 0 yes wss https,http".split(" ")
    ),
}
header = st.sampled_from(list(CATEGORY_OF)).flatmap(
    lambda name: st.tuples(st.just(name), VALUES[CATEGORY_OF[name]].map(lambda v: v.strip(" \t")))
)
peers = st.sampled_from(["127.0.0.1", "127.0.0.2", "127.1.2.3"])


@settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, len(SCOPES) - 1), peers, st.lists(header, max_size=8))
def test_the_rules(proxied, number, peer, headers):
    found = watched(ask(proxied, f"/environ/s{number}/", headers, peer))
    assert found == model(SCOPES[number], peer, headers)


# The facts one by one

ONE = [
    ("nothing configured", None, None, {"X-Forwarded-For": "192.0.2.1"}, {}),
    (
        "first element without trusted proxies, the header left as it is",
        ["X-Forwarded-For"],
        None,
        {"X-Forwarded-For": " , 192.0.2.1, 10.0.0.1"},
        {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": ", 192.0.2.1, 10.0.0.1"},
    ),
    (
        "the element left of the last trusted one",
        ["X-Forwarded-For"],
        ["127.0.0.1", "10.0.0.0/8"],
        {"X-Forwarded-For": "192.0.2.66, 192.0.2.1, 10.0.0.2, 10.0.0.1"},
        {
            "REMOTE_ADDR": "192.0.2.1",
            "HTTP_X_FORWARDED_FOR": "192.0.2.1, 10.0.0.2, 10.0.0.1",
        },
    ),
    (
        "the leftmost where all are trusted",
        ["X-Forwarded-For"],
        ["127.0.0.1", "10.0.0.0/8"],
        {"X-Forwarded-For": "10.0.0.2,10.0.0.1"},
        {"REMOTE_ADDR": "10.0.0.2", "HTTP_X_FORWARDED_FOR": "10.0.0.2, 10.0.0.1"},
    ),
    (
        "the rightmost where it is not trusted",
        ["X-Forwarded-For"],
        ["127.0.0.1", "10.0.0.0/8"],
        {"X-Forwarded-For": "10.0.0.2, 192.0.2.1"},
        {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"},
    ),
    (
        "an element that is no address stops the walk",
        ["X-Forwarded-For"],
        ["127.0.0.1", "10.0.0.0/8"],
        {"X-Forwarded-For": "192.0.2.1, unknown, 10.0.0.1"},
        {"REMOTE_ADDR": "unknown", "HTTP_X_FORWARDED_FOR": "unknown, 10.0.0.1"},
    ),
    (
        "IPv6 in the chain",
        ["X-Forwarded-For"],
        ["127.0.0.1", "2001:db8::/32"],
        {"X-Forwarded-For": "2001:db9::1, 2001:db8::7"},
        {"REMOTE_ADDR": "2001:db9::1", "HTTP_X_FORWARDED_FOR": "2001:db9::1, 2001:db8::7"},
    ),
    (
        "a mapped IPv4 address in the chain",
        ["X-Forwarded-For"],
        ["127.0.0.1", "10.0.0.0/8"],
        {"X-Forwarded-For": "192.0.2.1, ::ffff:10.0.0.1"},
        {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1, ::ffff:10.0.0.1"},
    ),
    (
        "a peer that is not trusted: the synonyms go, nothing else changes",
        ["X-Forwarded-For", "X-Forwarded-Proto"],
        ["10.0.0.0/8"],
        {
            "X-Forwarded-For": "192.0.2.1",
            "X-Real-IP": "192.0.2.1",
            "X-HTTPS": "on",
            "X-Forwarded-Host": "kept.test",
            "X-Forwarded-Proto": "https",
        },
        {"HTTP_X_FORWARDED_HOST": "kept.test"},
    ),
    (
        "the last configured wins, other synonyms go",
        ["X-Real-IP", "X-Client-IP"],
        None,
        {"X-Client-IP": "192.0.2.1", "X-Real-IP": "192.0.2.2", "X-Forwarded-For": "192.0.2.3"},
        {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_CLIENT_IP": "192.0.2.1"},
    ),
    (
        "host, server and port",
        ["X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Port"],
        None,
        {
            "X-Forwarded-Host": "h.test",
            "X-Host": "no.test",
            "X-Forwarded-Server": "s.test",
            "X-Forwarded-Port": "8443",
        },
        {
            "HTTP_HOST": "h.test",
            "SERVER_NAME": "s.test",
            "SERVER_PORT": "8443",
            "HTTP_X_FORWARDED_HOST": "h.test",
            "HTTP_X_FORWARDED_SERVER": "s.test",
            "HTTP_X_FORWARDED_PORT": "8443",
        },
    ),
    (
        "the script's name is the mount point",
        ["X-Script-Name"],
        None,
        {"X-Script-Name": "/outside"},
        {
            "SCRIPT_NAME": "/outside",
            "mod_wsgi.mount_point": "/outside",
            "HTTP_X_SCRIPT_NAME": "/outside",
        },
    ),
    (
        "a scheme by name",
        ["X-Forwarded-Proto"],
        None,
        {"X-Forwarded-Proto": "HTTPS"},
        {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "HTTPS"},
    ),
    (
        "a scheme by a switch",
        ["X-Forwarded-SSL"],
        None,
        {"X-Forwarded-SSL": "on"},
        {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_SSL": "on"},
    ),
    (
        "names in any case",
        ["x-forwarded-proto"],
        None,
        {"X-FORWARDED-PROTO": "https"},
        {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"},
    ),
]


@pytest.mark.parametrize("number", range(len(ONE)), ids=[row[0] for row in ONE])
def test_fact(proxied, number):
    _, _, _, headers, changes = ONE[number]
    found = watched(ask(proxied, f"/environ/f{number}/", list(headers.items())))
    expected = watched(model(Scope(None, None), "127.0.0.1", []))
    if ONE[number][1] is None:
        expected |= {environ_key(name): value for name, value in headers.items()}
    assert found == expected | changes


SCHEMES = """
SetEnv HTTPS @
WSGITrustedProxyHeaders X-Forwarded-Proto
"""


@pytest.mark.parametrize(("set_env", "proto"), [("on", "http"), ("off", "https")])
def test_the_scheme_of_the_proxy_beats_the_servers(start, mode, set_env, proto):
    server = start(SCHEMES.replace("@", set_env), mode=mode)
    found = ask(server, "/environ", [("X-Forwarded-Proto", proto)])
    assert found["wsgi.url_scheme"] == proto
    other = {"on": "https", "off": "http"}[set_env]
    assert ask(server, "/environ", [])["wsgi.url_scheme"] == other


def test_the_own_names_keep_what_the_server_knows(start, mode):
    server = start("WSGITrustedProxyHeaders X-Script-Name", mode=mode)
    found = ask(server, "/environ/rest", [("X-Script-Name", "/outside")])
    assert found["SCRIPT_NAME"] == "/outside"
    assert found["PATH_INFO"] == "/rest"
    assert found["mod_wsgi.script_name"] == "/environ"
    assert "mod_wsgi.mount_point" not in ask(server, "/environ", [])


# Scopes

MERGING = """
WSGITrustedProxyHeaders X-Forwarded-For
WSGITrustedProxyHeaders X-Forwarded-Host
WSGITrustedProxies 127.0.0.1
WSGITrustedProxies 10.0.0.0/8
<Location /environ/headers>
WSGITrustedProxyHeaders X-Real-IP
</Location>
<Location /environ/proxies>
WSGITrustedProxies 192.0.2.0/24
</Location>
"""
SENT = [
    ("X-Forwarded-For", "203.0.113.1, 10.0.0.1"),
    ("X-Forwarded-Host", "h.test"),
    ("X-Real-IP", "203.0.113.2"),
]


@pytest.mark.parametrize(
    ("path", "address", "host"),
    [
        ("/environ", "203.0.113.1", "h.test"),
        ("/environ/headers", "203.0.113.2", HOST),
        ("/environ/proxies", "127.0.0.1", HOST),
    ],
)
def test_repeated_lines_append_and_an_inner_scope_replaces(servers, path, address, host):
    want = Settings(mpm=servers.mpm, extra=routing("embedded") + mounts() + MERGING)
    found = ask(servers.kept("proxy merging", want, "/hello"), path, SENT)
    assert (found["REMOTE_ADDR"], found["HTTP_HOST"]) == (address, host)


def test_in_htaccess(start):
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride FileInfo\nOptions +ExecCGI\n"
        "SetHandler wsgi-script\n</Directory>",
        files={
            "ht/.htaccess": "WSGITrustedProxyHeaders X-Real-IP X-Nonsense\nWSGITrustedProxies 127.0.0.1\n",
            "ht/a.py": "def application(e, s):\n    s('200 OK', [])\n"
            "    return [e['REMOTE_ADDR'].encode()]\n",
        },
    )
    assert server.get("/ht/a.py", [("X-Real-IP", "192.0.2.9")]).text == "192.0.2.9"


def test_an_unknown_name_is_said_at_start_and_has_no_effect(start):
    server = start("WSGITrustedProxyHeaders X-Forwarded-By X-Real-IP", mode="embedded")
    found = ask(server, "/environ", [("X-Forwarded-By", "a"), ("X-Real-IP", "192.0.2.9")])
    assert (found["HTTP_X_FORWARDED_BY"], found["REMOTE_ADDR"]) == ("a", "192.0.2.9")
    server.log.claim("PYW0220.*'X-Forwarded-By'.*X-Forwarded-For, ")


# Peers


def test_an_ipv6_peer(start):
    server = start(
        "Listen [::1]:@PORT2@\nWSGITrustedProxyHeaders X-Real-IP\nWSGITrustedProxies ::1",
        mode="embedded",
    )
    found = ask(
        server, "/environ", [("X-Real-IP", "192.0.2.9")], None, host="::1", port=server.port2
    )
    assert found["REMOTE_ADDR"] == "192.0.2.9"
    assert ask(server, "/environ", [("X-Real-IP", "192.0.2.9")])["REMOTE_ADDR"] == "127.0.0.1"


def test_an_ipv4_peer_of_an_ipv6_socket_matches_ipv4_entries(start):
    server = start(
        "Listen [::]:@PORT2@\nWSGITrustedProxyHeaders X-Real-IP\nWSGITrustedProxies 127.0.0.1",
        mode="embedded",
    )
    found = ask(server, "/environ", [("X-Real-IP", "192.0.2.9")], port=server.port2)
    assert found["REMOTE_ADDR"] == "192.0.2.9"


def test_with_mod_remoteip_the_peer_stays_the_connection(start, mode):
    """mod_remoteip says who the client is; whom to trust goes by the connection all the same."""
    server = start(
        "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n"
        "<Location /environ/both>\nWSGITrustedProxyHeaders X-Real-IP\n"
        "WSGITrustedProxies 127.0.0.1\n</Location>\n",
        mode=mode,
        modules=("remoteip",),
    )
    sent = [("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.9")]
    assert ask(server, "/environ", sent)["REMOTE_ADDR"] == "192.0.2.1"
    assert ask(server, "/environ/both", sent)["REMOTE_ADDR"] == "192.0.2.9"
    assert ask(server, "/environ/both", sent, "127.0.0.2")["REMOTE_ADDR"] == "127.0.0.2"


def test_a_variable_of_that_name_goes_too(start):
    """SetEnvIf and its kin make no way around the rule."""
    server = start(
        "SetEnvIf X-Smuggle (.+) HTTP_X_REAL_IP=$1\nWSGITrustedProxyHeaders X-Forwarded-For",
        mode="embedded",
    )
    assert "HTTP_X_REAL_IP" not in ask(server, "/environ", [("X-Smuggle", "192.0.2.1")])


@pytest.mark.http2
def test_over_http2(start, mode):
    server = start(
        "Protocols h2c http/1.1\nWSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Host\n"
        "WSGITrustedProxies 127.0.0.1 10.0.0.0/8",
        mode=mode,
        modules=("http2",),
    )
    sent = {"X-Forwarded-For": "192.0.2.1, 10.0.0.1", "X-Forwarded-Host": "h.test"}
    arguments = [word for item in sent.items() for word in ("-H", ": ".join(item))]
    result = curl.get(server.url("/environ"), "http2", *arguments)
    found = json.loads(result.body)
    assert found["SERVER_PROTOCOL"] == ["str", "HTTP/2.0"]
    assert found["REMOTE_ADDR"] == ["str", "192.0.2.1"]
    assert found["HTTP_HOST"] == ["str", "h.test"]
    result = curl.get(server.url("/environ"), "http2", *arguments, "--interface", "127.0.0.2")
    assert json.loads(result.body)["REMOTE_ADDR"] == ["str", "127.0.0.2"]
