"""What the configuration may say: refused at start, or accepted."""

from __future__ import annotations

import re

import pytest

from support.machine import HttpdFailed

ALIAS = "WSGIScriptAlias /x @APPS@/counter/wsgi.py"

DIRECTORY = "<Directory />\n"

# Errors of the configuration: (text, what the message must hold)

INVALID = [
    ("WSGIScriptAlias /x", "script"),
    ("WSGIScriptAlias", "WSGIScriptAlias|script"),
    ("WSGIScriptAlias /x @APPS@/hello/wsgi.py nonsense", "option"),
    ("WSGIScriptAlias /x @APPS@/hello/wsgi.py no-such-option=1", "no-such-option|option"),
    ("WSGIScriptAlias /x @APPS@/hello/wsgi.py pass-authorization=maybe", "pass-authorization|Off"),
    ("WSGIScriptAliasMatch ([ @APPS@/hello/wsgi.py", "egular expression"),
    (
        "WSGIScriptAlias /x @APPS@/hello/wsgi.py process-group=nobody application-group=%{GLOBAL}",
        "nobody|process group",
    ),
    ("WSGIDaemonProcess", "[Nn]ame"),
    ("WSGIControlSocket", "WSGIControlSocket"),
    (f"WSGIControlSocket /{'x' * 99}", "too long for a socket, which may have 99 bytes"),
    ("<VirtualHost *>\nWSGIControlSocket Off\n</VirtualHost>", "cannot occur"),
    ("WSGIDaemonProcess a\nWSGIDaemonProcess a", "a"),
    ("WSGIDaemonProcess a nonsense", "option|nonsense"),
    ("WSGIDaemonProcess a no-such-option=1", "no-such-option"),
    ("WSGIDaemonProcess a processes=0", "processes"),
    ("WSGIDaemonProcess a processes=-1", "processes"),
    ("WSGIDaemonProcess a processes=two", "processes"),
    ("WSGIDaemonProcess a processes=8-2", "processes"),
    ("WSGIDaemonProcess a processes=2x", "processes"),
    ("WSGIDaemonProcess a processes=", "processes"),
    ("WSGIDaemonProcess a processes=99999999999999999999", "processes"),
    ("WSGIDaemonProcess a max-unavailable=-1", "max-unavailable"),
    ("WSGIDaemonProcess a max-unavailable=1025", "max-unavailable"),
    ("WSGIDaemonProcess a max-unavailable=25%", "max-unavailable"),
    ("WSGIDaemonProcess a threads=-1", "threads"),
    ("WSGIDaemonProcess a threads=70000", "threads"),
    ("WSGIDaemonProcess a umask=9", "umask"),
    ("WSGIDaemonProcess a umask=rwx", "umask"),
    ("WSGIDaemonProcess a home=relative/path", "home"),
    ("WSGIDaemonProcess a user=no-such-user-here", "no-such-user-here"),
    ("WSGIDaemonProcess a group=no-such-group-here", "no-such-group-here"),
    ("WSGIDaemonProcess a socket-user=no-such-user-here", "no-such-user-here"),
    ("WSGIDaemonProcess a connect-timeout=-1", "connect-timeout"),
    ("WSGIDaemonProcess a socket-timeout=soon", "socket-timeout"),
    ("WSGIDaemonProcess a request-timeout=-5", "request-timeout"),
    ("WSGIDaemonProcess a listen-backlog=-1", "listen-backlog"),
    ("WSGIDaemonProcess a queue-size=-1", "queue-size"),
    ("WSGIDaemonProcess a queue-size=many", "queue-size"),
    ("WSGIDaemonProcess a stack-size=0", "stack-size"),
    ("WSGIDaemonProcess a stack-size=lots", "stack-size"),
    ("WSGIDaemonProcess a server-metrics=1", "server-metrics"),
    ("WSGIDaemonProcess a threads=1 threads=x", "threads"),
    ("WSGIDaemonProcess a chroot=/nonexistent/jail", "chroot"),
    ("WSGIDaemonProcess a chroot=@APPS@/hello/wsgi.py", "chroot"),
    (
        "WSGIDaemonProcess a chroot=@ROOT@\n"
        "WSGIImportScript /out.py process-group=a application-group=%{GLOBAL}",
        "chroot",
    ),
    ("WSGIDaemonProcess a script-user=no-such-user-here", "no-such-user-here"),
    ("WSGIDaemonProcess a script-group=no-such-group-here", "no-such-group-here"),
    ("WSGIDaemonProcess a send-buffer-size=100", "512 bytes, or 0"),
    ("WSGIDaemonProcess a receive-buffer-size=100", "512 bytes, or 0"),
    ("WSGIDaemonProcess a header-buffer-size=100", "8192 bytes, or 0"),
    ("WSGIDaemonProcess a request-buffer-size=1M", "request-buffer-size"),
    ("WSGIDaemonProcess a response-buffer-size=100", "65536 bytes, or 0"),
    ("WSGIDaemonProcess a private-tmp=Yes", "private-tmp.*On or Off"),
    ("WSGIDaemonProcess a memory-limit=512", "16777216 bytes, or 0"),
    ("WSGIDaemonProcess a virtual-memory-limit=4G", "16777216 bytes, or 0"),
    ("WSGIDaemonProcess a cpu-priority=high", "cpu-priority"),
    ("WSGIProcessGroup", "WSGIProcessGroup"),
    ("WSGIProcessGroup a b", "WSGIProcessGroup"),
    ("WSGIApplicationGroup", "WSGIApplicationGroup"),
    ("WSGICallableObject", "WSGICallableObject"),
    ("WSGIScriptReloading Maybe", "WSGIScriptReloading|On|Off"),
    ("WSGIPassAuthorization Perhaps", "WSGIPassAuthorization|On|Off"),
    ("WSGIChunkedRequest 1", "WSGIChunkedRequest|On|Off"),
    ("WSGIRestrictEmbedded 1", "WSGIRestrictEmbedded|On|Off"),
    ("WSGITelemetryService", "unix:"),
    ("WSGITelemetryService udp:127.0.0.1:99", "unix:"),
    ("WSGITelemetryService unix:relative", "absolute path"),
    ("WSGITelemetryService unix:/" + "x" * 120, "characters"),
    ("WSGITelemetryService unix:/tmp/x nonsense", "option"),
    ("WSGITelemetryService unix:/tmp/x every=1", "every"),
    ("WSGITelemetryService unix:/tmp/x interval=0.4", "from 0.5"),
    ("WSGITelemetryService unix:/tmp/x interval=nan", "from 0.5"),
    ("WSGITelemetryService unix:/tmp/x interval=", "from 0.5"),
    ("<VirtualHost *:80>\nWSGITelemetryService unix:/tmp/x\n</VirtualHost>", "WSGITelemetry"),
    ("WSGISlowRequests -1", "seconds"),
    ("WSGISlowRequests soon", "seconds"),
    ("<VirtualHost *:80>\nWSGISlowRequests 1\n</VirtualHost>", "WSGISlowRequests"),
    ("WSGITelemetryOptions", "None"),
    ("WSGITelemetryOptions Everything", "CaptureUserAgent"),
    ("WSGITelemetryOptions +CaptureUserAgent None", "either all words"),
    ("WSGITelemetryOptions CaptureUserAgent -CaptureUserAgent", "either all words"),
    ("<VirtualHost *:80>\nWSGITelemetryOptions All\n</VirtualHost>", "WSGITelemetryOptions"),
    ("WSGIServerMetrics maybe", "WSGIServerMetrics must be one of: Off"),
    ("<VirtualHost *:80>\nWSGIServerMetrics On\n</VirtualHost>", "WSGIServerMetrics"),
    ("<VirtualHost *:80>\nWSGIRestrictEmbedded On\n</VirtualHost>", "WSGIRestrictEmbedded"),
    ("<VirtualHost *:80>\nWSGIPythonHome /usr\n</VirtualHost>", "WSGIPythonHome"),
    ("<VirtualHost *:80>\nWSGIPythonPath /usr\n</VirtualHost>", "WSGIPythonPath"),
    ("<VirtualHost *:80>\nWSGISocketPrefix /tmp/x\n</VirtualHost>", "WSGISocketPrefix"),
    ("WSGIDaemonProcess a python-eggs=relative", "python-eggs"),
    ("WSGIDaemonProcess a switch-interval=0", "switch-interval"),
    ("WSGIDaemonProcess a switch-interval=soon", "switch-interval"),
    ("WSGIDaemonProcess a env=NAME", "env.*NAME=value"),
    ("WSGIDaemonProcess a env=1A=x", "env.*NAME=value"),
    ("WSGIDaemonProcess a env-file=relative", "env-file.*absolute path"),
    ("WSGIDaemonProcess a single-application=Perhaps", "single-application.*On or Off"),
    ("WSGIDaemonProcess a locale=xx_YY.nope", "locale 'xx_YY.nope'.*locale -a"),
    ("WSGIDaemonProcess a lang=xx_YY.nope", "lang 'xx_YY.nope'.*locale -a"),
    ("WSGIPythonOptimize 3", "WSGIPythonOptimize '3'.*0 to 2"),
    ("WSGIPythonOptimize On", "WSGIPythonOptimize"),
    ("WSGIPythonHashSeed -1", "WSGIPythonHashSeed '-1'.*'random', or .* 4294967295"),
    ("WSGIPythonHashSeed 4294967296", "WSGIPythonHashSeed"),
    ("WSGISwitchInterval 0", "WSGISwitchInterval.*above 0"),
    ("WSGISwitchInterval -0.1", "WSGISwitchInterval.*above 0"),
    ("WSGIDontWriteBytecode 1", "WSGIDontWriteBytecode must be one of: Off | On"),
    ("WSGIDestroyInterpreter Never", "WSGIDestroyInterpreter must be one of: Off | On"),
    ("WSGIPythonWarnings", "WSGIPythonWarnings"),
    ("WSGIPythonEggs", "WSGIPythonEggs"),
    ("<Directory />\nWSGIDaemonProcess a\n</Directory>", "WSGIDaemonProcess"),
    ("<Directory />\nWSGIScriptAlias /x /y\n</Directory>", "WSGIScriptAlias"),
    ("WSGITrustedProxies proxy.example", "proxy.example.*names of hosts"),
    ("WSGITrustedProxies 10.0.0.0/8 10.0.0.256", "10.0.0.256"),
    ("WSGITrustedProxies 10.0.0.0/33", "10.0.0.0/33"),
    ("WSGITrustedProxies 2001:db8::/129", "2001:db8::/129"),
    ("WSGITrustedProxies ::ffff:10.0.0.1", "IPv4"),
    ("WSGITrustedProxies 0.0.0.0/0", "everybody"),
    ("WSGITrustedProxies", "WSGITrustedProxies"),
    ("WSGITrustedProxyHeaders", "WSGITrustedProxyHeaders"),
    ("WSGICaseSensitivity Maybe", "WSGICaseSensitivity must be one of: Off | On"),
    ("<VirtualHost *:80>\nWSGICaseSensitivity On\n</VirtualHost>", "WSGICaseSensitivity"),
    ("WSGIRestrictProcess", "WSGIRestrictProcess"),
    ("WSGIErrorOverride Sometimes", "WSGIErrorOverride must be one of: Off | On"),
    ("WSGIMapHEADToGET Maybe", "WSGIMapHEADToGET must be one of: Off [|] On [|] Auto"),
    ("WSGIEnableSendfile 1", "WSGIEnableSendfile must be one of: Off | On"),
    ("WSGIEarlyHints HTTP2", "WSGIEarlyHints must be one of: Off | On"),
    ("WSGIPassApacheRequest 1", "WSGIPassApacheRequest must be one of: Off | On"),
    ("WSGIDispatchScript", "Location of WSGIDispatchScript script not supplied"),
    ("WSGIDispatchScript /x.py nonsense", "Invalid option to WSGI DispatchScript"),
    ("WSGIDispatchScript /x.py callable-object=x", "callable-object.*application-group="),
    ("WSGIDispatchScript /x.py process-group=nobody", "not yet configured.*'nobody'"),
    (
        "<VirtualHost *:80>\nServerName v.test\nWSGIDaemonProcess a\n</VirtualHost>\n"
        "WSGIDispatchScript /x.py process-group=a",
        "not accessible",
    ),
    (f"{DIRECTORY}WSGIAuthUserScript\n</Directory>", "WSGIAuthUserScript script not supplied"),
    (f"{DIRECTORY}WSGIAuthUserScript /x.py x=1\n</Directory>", "WSGIAuthUserScript: x"),
    (f"{DIRECTORY}WSGIAuthGroupScript /x.py process-group=a\n</Directory>", "not yet configured"),
    (f"{DIRECTORY}WSGIAccessScript /x.py process-group=%{{SERVER}}\n</Directory>", "not yet"),
    (f"{DIRECTORY}WSGIGroupAuthoritative Perhaps\n</Directory>", "WSGIGroupAuthoritative|On|Off"),
    (f"{DIRECTORY}Require wsgi-group\n</Directory>", "wsgi-group takes one or more names"),
    ("WSGIAuthUserScript /x.py", "WSGIAuthUserScript not allowed here"),
    ("WSGIAuthGroupScript /x.py", "WSGIAuthGroupScript not allowed here"),
    ("WSGIAccessScript /x.py", "WSGIAccessScript not allowed here"),
]


@pytest.mark.parametrize(("text", "pattern"), INVALID)
def test_invalid(configtest, text, pattern):
    status, words = configtest(text)
    assert status != 0, "accepted"
    assert re.search(pattern, words), words
    assert "Segmentation" not in words


@pytest.mark.root
def test_unknown_supplementary_group(start, servers):
    with pytest.raises(HttpdFailed, match="no-such-group-here"):
        start("WSGIDaemonProcess a\nWSGIDaemonProcess b supplementary-groups=no-such-group-here")
    [(_, server)] = servers.in_use()
    assert not list((server.root / "run").glob("wsgi*")), "sockets are left behind"
    server.log.claim("PYW0020")
    server.log.claim("AH00020")


VALID = [
    "",
    ALIAS,
    "WSGIScriptAlias / @APPS@/hello/wsgi.py",
    "WSGIScriptAlias /x @APPS@/",
    "WSGIScriptAliasMatch ^/x/([a-z]+) @APPS@/$1/wsgi.py",
    f"WSGIDaemonProcess a\n{ALIAS} process-group=a application-group=%{{GLOBAL}}",
    f"{ALIAS} process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}",
    f"{ALIAS} process-group=%{{ENV:G}} application-group=%{{RESOURCE}}",
    f'{ALIAS} callable-object="other" pass-authorization=on',
    "WSGIDaemonProcess a processes=2 threads=3 umask=0022 home=/ lang=C locale=C.UTF-8",
    "WSGIDaemonProcess a processes=4 max-unavailable=2\nWSGIDaemonProcess b max-unavailable=0",
    "WSGIDaemonProcess a display-name=%{GROUP} connect-timeout=5 socket-timeout=0",
    "WSGIDaemonProcess a listen-backlog=500 stack-size=1048576 request-timeout=30",
    "WSGIDaemonProcess a queue-size=0\nWSGIDaemonProcess b queue-size=100",
    "WSGIDaemonProcess a request-buffer-size=0\nWSGIDaemonProcess b request-buffer-size=100",
    'WSGIDaemonProcess a python-path="/a b:/c"',
    "WSGIDaemonProcess a socket-user=root",
    "WSGIDaemonProcess a maximum-requests=10 restart-interval=5 shutdown-timeout=5 queue-timeout=5",
    "WSGIDaemonProcess a maximum-requests-jitter=5 restart-interval-jitter=60 reload-on-rss=80%",
    "WSGIDaemonProcess a reload-on-rss=500000000",
    "WSGIDaemonProcess a deadlock-timeout=300 inactivity-timeout=5 interrupt-timeout=5",
    "WSGIDaemonProcess a eviction-timeout=5 response-socket-timeout=5 cpu-time-limit=5",
    "WSGIDaemonProcess a send-buffer-size=0 receive-buffer-size=512 header-buffer-size=8192",
    "WSGIDaemonProcess a response-buffer-size=65536 memory-limit=0 virtual-memory-limit=8589934592",
    "WSGIDaemonProcess a cpu-priority=-5 listen-backlog=0 script-user=root",
    "WSGIDaemonProcess a script-group=root",
    "WSGIDaemonProcess a private-tmp=Off",
    "WSGIDaemonProcess a preload=On warmup=/ warmup=/x?y=%20",
    "WSGIDaemonProcess a interpreters=4\nWSGIDaemonProcess b interpreters=2 threads=2",
    "WSGIDaemonProcess a server-metrics=on\nWSGIDaemonProcess b server-metrics=Off",
    "<Location /y>\nWSGIIgnoreActivity On\n</Location>",
    "WSGIDaemonProcess a switch-interval=0.01 python-eggs=/tmp env-file=/tmp/x",
    'WSGIDaemonProcess a env=A=1 env="B=2" env="C=3 4" env=D= single-application=on',
    "WSGIDaemonProcess a\nWSGIDaemonProcess b",
    "WSGIPythonOptimize 2\nWSGIPythonWarnings error\nWSGIPythonWarnings ignore::UserWarning",
    "WSGIDontWriteBytecode On\nWSGIPythonHashSeed 0\nWSGIDestroyInterpreter off",
    "WSGIPythonHashSeed random\nWSGIPythonEggs /tmp\nWSGISwitchInterval .5",
    "WSGIRestrictStdin On\nWSGIRestrictStdout On\nWSGIRestrictSignal Off",
    "<VirtualHost *:80>\nServerName v.test\nWSGIDaemonProcess a\nWSGIProcessGroup a\n</VirtualHost>",
    "<Directory />\nWSGIProcessGroup %{GLOBAL}\nWSGIApplicationGroup %{SERVER}\n</Directory>",
    "<Location /y>\nWSGICallableObject other\nWSGIScriptReloading off\n</Location>",
    "<Files x.py>\nWSGIPassAuthorization ON\nWSGIChunkedRequest Off\n</Files>",
    "WSGIProcessGroup not-declared-anywhere",
    "WSGIRestrictEmbedded On",
    "WSGIServerMetrics on",
    "WSGITelemetryService unix:/tmp/x",
    "WSGITelemetryService unix:/tmp/x interval=0.5\nWSGISlowRequests 0.25",
    "WSGITelemetryOptions none\nWSGITelemetryOptions +CaptureUserAgent",
    "WSGITelemetryOptions CaptureUserAgent",
    "WSGITelemetryOptions all",
    "WSGISocketPrefix run/wsgi",
    "<IfModule wsgi_module>\nWSGIScriptAlias /x @APPS@/hello/wsgi.py\n</IfModule>",
    "<IfModule mod_wsgi.c>\nWSGIScriptAlias /x @APPS@/hello/wsgi.py\n</IfModule>",
    "LogLevel wsgi:debug",
    "WSGITrustedProxyHeaders X-Forwarded-For x-forwarded-proto\nWSGITrustedProxies 10.0.0.0/8 ::1",
    "<Location />\nWSGITrustedProxies 10.0.0.0/255.0.0.0 2001:db8::/32 192.0.2.7\n</Location>",
    "WSGITrustedProxyHeaders X-Unknown",
    "WSGICaseSensitivity Off\nWSGIRestrictProcess a b %{GLOBAL}\nWSGIErrorOverride On",
    "WSGIMapHEADToGET auto\nWSGIEnableSendfile off\nWSGIPassApacheRequest On",
    "WSGIDispatchScript /x.py application-group=%{SERVER} process-group=%{GLOBAL}",
    "WSGIDaemonProcess a\n<Location />\nWSGIDispatchScript x.py process-group=a\n</Location>",
    "WSGIDaemonProcess a\n<Directory />\nWSGIAuthUserScript /x.py process-group=a\n</Directory>",
    f"{DIRECTORY}WSGIAuthUserScript /x.py application-group=%{{GLOBAL}}\n</Directory>",
    f"{DIRECTORY}WSGIAuthGroupScript /x.py application-group=auth\n</Directory>",
    f"{DIRECTORY}WSGIAccessScript /x.py\nWSGIGroupAuthoritative Off\n</Directory>",
    f'{DIRECTORY}Require wsgi-group a "b c"\n</Directory>',
]


@pytest.mark.parametrize("text", VALID)
def test_valid(configtest, text):
    status, words = configtest(text)
    assert status == 0, words


GROUPS = "process-group=a application-group=%{GLOBAL}"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (f"WSGIScriptAlias /x{{0}} @ROOT@/x{{0}}.py {GROUPS}", 0),
        (f"WSGIImportScript @ROOT@/x.py {GROUPS}", 0),
        (f"WSGIImportScript @ROOT@/x{{0}}.py {GROUPS}", 1),
    ],
)
def test_so_many_scripts(configtest, line, status):
    """Aliases are no promise to import; the same script counts once."""
    lines = [line.replace("{0}", str(number)) for number in range(300)]
    found, words = configtest("\n".join(["WSGIDaemonProcess a", *lines]))
    assert found == status, words
    assert ("More than 256 scripts" in words) == (status != 0)
