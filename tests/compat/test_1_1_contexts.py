"""Section 1.1: where a directive may stand."""

from __future__ import annotations

import re

import pytest

from support.httpd import Settings

# How the rows are marked: G main server only, SV server or virtual host, SVD also sections,
# FI also .htaccess files by AllowOverride FileInfo, AU sections and .htaccess files by AuthConfig.
# `#` is another number each time.

DIRECTIVES = {
    "WSGIScriptAlias /x# /x.py": "SV",
    "WSGIScriptAliasMatch ^/x# /x.py": "SV",
    "WSGIHandlerScript name# /x.py": "SVD",
    "WSGIImportScript /x.py process-group=%{GLOBAL} application-group=%{GLOBAL}": "SV",
    "WSGIDispatchScript /x.py": "SVD",
    "WSGICallableObject name": "FI",
    "WSGIScriptReloading On": "FI",
    "WSGICaseSensitivity On": "G",
    "WSGIProcessGroup name": "SVD",
    "WSGIApplicationGroup name": "SVD",
    "WSGIRestrictProcess name": "SVD",
    "WSGIRestrictEmbedded On": "G",
    "WSGIPassAuthorization On": "FI",
    "WSGIPassApacheRequest On": "SVD",
    "WSGIChunkedRequest On": "FI",
    "WSGIErrorOverride On": "FI",
    "WSGIMapHEADToGET On": "FI",
    "WSGIIgnoreActivity On": "FI",
    "WSGIEnableSendfile On": "FI",
    "WSGIEarlyHints On": "FI",
    "WSGIKeepAliveLinger 2": "SV",
    "WSGITrustedProxyHeaders X-Real-IP": "FI",
    "WSGITrustedProxies 127.0.0.1": "FI",
    "WSGIDaemonProcess group#": "SV",
    "WSGISocketPrefix run/wsgi": "G",
    "WSGISocketRotation On": "G",
    "WSGIControlSocket /tmp/wsgi.control": "G",
    "WSGIAcceptMutex default": "G",
    "WSGIVerboseDebugging On": "G",
    "WSGIPythonHome /usr": "G",
    "WSGIPythonPath /tmp": "G",
    "WSGIPythonEggs /tmp": "G",
    "WSGIPythonOptimize 1": "G",
    "WSGIPythonWarnings default": "G",
    "WSGIDontWriteBytecode On": "G",
    "WSGIPythonHashSeed random": "G",
    "WSGISwitchInterval 0.01": "G",
    "WSGIDestroyInterpreter On": "G",
    "WSGIPerInterpreterGIL Off": "G",
    "WSGIFreeThreading Off": "G",
    "WSGIRestrictStdin Off": "G",
    "WSGIRestrictStdout Off": "G",
    "WSGIRestrictSignal On": "G",
    "WSGIAuthUserScript /x.py": "AU",
    "WSGIAuthGroupScript /x.py": "AU",
    "WSGIAccessScript /x.py": "AU",
    "WSGIGroupAuthoritative On": "AU",
    "WSGIServerMetrics On": "G",
    "WSGITelemetryService unix:/tmp/x": "G",
    "WSGISlowRequests 1": "G",
    "WSGITelemetryOptions None": "G",
}
SECTIONS = {"<WSGIInterpreterOptions"}

PLACES = {
    "server": "{}",
    "virtual host": "<VirtualHost *:80>\n{}\n</VirtualHost>",
    "Directory": "<Directory /tmp>\n{}\n</Directory>",
    "Location": "<Location /tmp>\n{}\n</Location>",
    "Files": "<Files x>\n{}\n</Files>",
    "Directory of a host": "<VirtualHost *:80>\n<Directory /tmp>\n{}\n</Directory>\n</VirtualHost>",
}
INSIDE = ("Directory", "Location", "Files", "Directory of a host")
ALLOWED = {
    "G": ("server",),
    "SV": ("server", "virtual host"),
    "SVD": tuple(PLACES),
    "FI": tuple(PLACES),
    "AU": INSIDE,
}
HTACCESS = {"FI": "FileInfo", "AU": "AuthConfig"}


def name_of(directive):
    return directive.split()[0]


def folder(number, override):
    return f"ht/{override}/{number}"


@pytest.fixture(scope="module")
def built(servers):
    """The names that the module knows and does not refuse."""
    status, listed = servers.configtest("", option="-L")
    assert status == 0, listed
    listing = re.findall(r"^(\S*WSGI\w+) \(\S+\)\n\s*(.*)$", listed, re.M)
    found = {name for name, about in listing if not about.startswith("Dropped")}
    assert found - SECTIONS == {name_of(line) for line in DIRECTIVES}
    return found


def test_where_they_may_stand(configtest, built):
    lines, number = [], 0
    for directive, code in DIRECTIVES.items():
        for place in ALLOWED[code] if name_of(directive) in built else ():
            number += 1
            lines.append(PLACES[place].format(directive.replace("#", str(number))))
    assert number > 80
    status, words = configtest("\n".join(lines))
    assert status == 0, words


@pytest.mark.parametrize("place", ["virtual host", "Directory", "Location"])
def test_where_they_may_not_stand(configtest, built, place):
    for directive, code in DIRECTIVES.items():
        if name_of(directive) in built and place not in ALLOWED[code]:
            status, words = configtest(PLACES[place].format(directive))
            assert status != 0, f"{directive} was accepted in {place}"
            assert name_of(directive) in words
            assert "not allowed" in words or "cannot occur within" in words


def test_scripts_for_authentication_stand_in_sections(configtest, built):
    for directive, code in DIRECTIVES.items():
        if name_of(directive) in built and code == "AU":
            status, words = configtest(directive)
            assert status != 0, f"{directive} was accepted outside of sections"
            assert "not allowed" in words


@pytest.fixture(scope="module")
def htaccess(servers):
    """A folder for each directive below one for each AllowOverride."""
    files, sections = {}, ["Alias /ht @ROOT@/ht"]
    for override in ("FileInfo", "AuthConfig"):
        sections.append(f"<Directory @ROOT@/ht/{override}>\nAllowOverride {override}\n</Directory>")
        for number, directive in enumerate(DIRECTIVES):
            files[f"{folder(number, override)}/.htaccess"] = directive + "\n"
            files[f"{folder(number, override)}/file"] = "x"
    return lambda: servers.kept(
        "htaccess", Settings(mpm=servers.mpm, extra="\n".join(sections), files=files), "/alive"
    )


@pytest.mark.parametrize("override", ["FileInfo", "AuthConfig"])
def test_in_htaccess_files(htaccess, built, override):
    server = htaccess()
    server.log.allow("'/x.py'")  # scripts that decide, and are not there
    accepted = set()
    for number, directive in enumerate(DIRECTIVES):
        if name_of(directive) not in built:
            continue
        status = server.get(f"/{folder(number, override)}/file").status
        assert status in (200, 401, 403, 500)
        if status == 500:
            server.log.claim(f"{name_of(directive)} not allowed here")
        else:
            accepted.add(name_of(directive))
    assert accepted == {
        name_of(directive)
        for directive, code in DIRECTIVES.items()
        if HTACCESS.get(code) == override and name_of(directive) in built
    }


def test_a_setting_in_htaccess_counts(start):
    files = {
        "ht/.htaccess": "SetHandler wsgi-script\nOptions +ExecCGI\nWSGICallableObject other\n",
        "ht/wsgi.py": "def other(e, s):\n    s('200 OK', [])\n    return [b'via htaccess']\n",
    }
    server = start(
        "Alias /ht @ROOT@/ht\n<Directory @ROOT@/ht>\nAllowOverride All\n</Directory>", files=files
    )
    assert server.get("/ht/wsgi.py").body == b"via htaccess"


# Flags and options

FLAGS = [
    "WSGIScriptReloading",
    "WSGICaseSensitivity",
    "WSGIRestrictEmbedded",
    "WSGIPassAuthorization",
    "WSGIPassApacheRequest",
    "WSGIChunkedRequest",
    "WSGIErrorOverride",
    "WSGIIgnoreActivity",
    "WSGIEnableSendfile",
]


def test_flags_are_on_or_off_in_any_case(configtest):
    lines = [f"{name} {value}" for name in FLAGS for value in ("On", "off", "OFF", "on")]
    status, words = configtest("\n".join(lines))
    assert status == 0, words


@pytest.mark.parametrize("name", FLAGS)
def test_other_values_of_flags_are_errors(configtest, name):
    status, words = configtest(f"{name} yes")
    assert status != 0
    assert f"{name} must be one of: Off | On" in words


@pytest.mark.parametrize(
    ("line", "is_valid"),
    [
        ("WSGIScriptAlias /x /x.py callable-object=a pass-authorization=On", True),
        ("WSGIScriptAlias /x /x.py pass-authorization=On callable-object=a", True),
        ("WSGIScriptAlias /x /x.py callable-object='a b'", True),
        ('WSGIScriptAlias /x "/a b.py" callable-object="a b"', True),
        ("WSGIScriptAlias /x /x.py callable-object", False),
        ("WSGIScriptAlias /x /x.py a=b", False),
        ("WSGIScriptAlias /x /x.py =b", False),
        ("WSGIDaemonProcess a threads=2 processes=2", True),
        ("WSGIDaemonProcess a processes=2 threads=2", True),
        ("WSGIDaemonProcess a display-name='a b' umask=022", True),
        ("WSGIDaemonProcess a threads", False),
        ("WSGIDaemonProcess a nothing=1", False),
    ],
)
def test_options_are_names_with_values_in_any_order(configtest, line, is_valid):
    status, words = configtest(line)
    assert (status == 0) is is_valid, words
    assert is_valid or "nvalid option to WSGI" in words
