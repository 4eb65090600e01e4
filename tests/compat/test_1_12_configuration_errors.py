"""Section 1.12: what stops Apache when the configuration is read, and what it says."""

from __future__ import annotations

import pytest

SCRIPT = "@APPS@/hello/wsgi.py"
GLOBAL = "application-group=%{GLOBAL}"
HOSTS = """
<VirtualHost *:1>
{first}
WSGIDaemonProcess own
</VirtualHost>
<VirtualHost *:1>
{second}
WSGIScriptAlias /x @APPS@/hello/wsgi.py process-group=own application-group=%{{GLOBAL}}
</VirtualHost>
"""
OUTSIDE = """
<VirtualHost *:1>
ServerName a.test
WSGIDaemonProcess own
</VirtualHost>
WSGIScriptAlias /x @APPS@/hello/wsgi.py process-group=own application-group=%{GLOBAL}
"""

# Configuration -> a part of the sentence, mod_wsgi's words where it has any.
ERRORS = {
    # groups and virtual hosts
    f"WSGIScriptAlias /x {SCRIPT} process-group=later {GLOBAL}\nWSGIDaemonProcess later": (
        "WSGI process group not yet configured"
    ),
    HOSTS.format(first="ServerName a.test", second="ServerName b.test"): (
        "WSGI process group not accessible. It belongs to a virtual host of another ServerName"
    ),
    OUTSIDE: "WSGI process group not accessible.",
    HOSTS.format(first="ServerName a.test", second=""): (
        "WSGI process group not matchable. It belongs to another virtual host: give both"
    ),
    HOSTS.format(first="", second="ServerName a.test"): "WSGI process group not matchable.",
    "WSGIDaemonProcess a\nWSGIDaemonProcess a": "Name duplicates previous WSGI daemon definition",
    "WSGIDaemonProcess": "Name of WSGI daemon process not supplied.",
    # options
    "WSGIDaemonProcess a script-user=root script-group=root": (
        "Only one of script-user and script-group allowed."
    ),
    "WSGIDaemonProcess a bare": "Invalid option to WSGI daemon process definition.",
    "WSGIDaemonProcess a threads = 5": "'threads' is not name=value, without blanks",
    "WSGIDaemonProcess a no-such=1": "Invalid option to WSGI daemon process definition",
    f"WSGIScriptAlias /x {SCRIPT} bare": "Invalid option to WSGI script alias definition.",
    "WSGIDaemonProcess a user=nobody-of-that-name": "Invalid user 'nobody-of-that-name'",
    "WSGIDaemonProcess a group=nobody-of-that-name": "Invalid group 'nobody-of-that-name'",
    "WSGIDaemonProcess a user=root": "WSGI process blocked from running as root.",
    "WSGIDaemonProcess a user=#0": "WSGI process blocked from running as root.",
    "WSGIDaemonProcess a send-buffer-size=511": "must be >= 512 bytes, or 0 for default.",
    "WSGIDaemonProcess a receive-buffer-size=511": "must be >= 512 bytes, or 0 for default.",
    "WSGIDaemonProcess a header-buffer-size=8191": "must be >= 8192 bytes, or 0 for default.",
    "WSGIDaemonProcess a response-buffer-size=65535": "must be >= 65536 bytes, or 0 for default.",
    "WSGIDaemonProcess a send-buffer-size=99999999999": "must be >= 512 bytes, or 0 for default.",
    "WSGIDaemonProcess a threads=-1": "Invalid threads '-1' for WSGI daemon process",
    "WSGIDaemonProcess a python-home=venv": "Invalid python-home 'venv' for WSGI daemon process",
    "WSGIDaemonProcess a chroot=/no/such/place": "Invalid chroot '/no/such/place'",
    # scripts and expressions
    "WSGIScriptAlias /x": "Location of WSGI script alias script not supplied.",
    f"WSGIScriptAliasMatch ([ {SCRIPT}": "Regular expression could not be compiled",
    # the whole server
    "WSGIAcceptMutex semaphore": "'semaphore'",
    "WSGISocketPrefix": "WSGISocketPrefix takes one argument",
    "WSGISocketRotation Maybe": "WSGISocketRotation must be one of: Off | On",
    "WSGIVerboseDebugging 1": "WSGIVerboseDebugging must be one of: Off | On",
    **{
        f"<VirtualHost *:1>\n{line}\n</VirtualHost>": "cannot occur within <VirtualHost>"
        for line in (
            "WSGISocketPrefix run/x",
            "WSGISocketRotation Off",
            "WSGIAcceptMutex default",
            "WSGIVerboseDebugging On",
        )
    },
    # dropped by mod_wsgi long ago: what to write instead
    "WSGIReloadMechanism Process": "WSGIScriptReloading",
    "WSGIPythonExecutable /usr/bin/python3": "WSGIPythonHome",
    "WSGILazyInitialization On": "take it out",
    "WSGIChunkedRequestBuffer 65536": "see WSGIChunkedRequest;",
    "WSGIThreadSwitch 100": "WSGISwitchInterval",
    "<Directory />\nWSGIUserAuthoritative Off\n</Directory>": "AuthBasicProvider",
}
# Every number is a whole number in its range, and no more than that.
NUMBERS = [
    "processes", "threads", "maximum-requests", "startup-timeout", "shutdown-timeout",
    "deadlock-timeout", "inactivity-timeout", "request-timeout", "interrupt-timeout",
    "graceful-timeout", "eviction-timeout", "restart-interval", "connect-timeout", "socket-timeout",
    "queue-timeout", "listen-backlog", "response-socket-timeout", "response-flush-delay",
    "cpu-time-limit", "stack-size", "send-buffer-size", "receive-buffer-size",
    "header-buffer-size", "response-buffer-size", "memory-limit", "virtual-memory-limit",
]  # fmt: skip
# Half a number, a negative one, a fraction, a hexadecimal one, none.
NO_NUMBERS = ["8x", "-1", "1.5", "0x10", '""']


@pytest.mark.parametrize("text", ERRORS)
def test_sentence(configtest, text):
    status, words = configtest(text)
    assert status != 0, "accepted"
    assert ERRORS[text] in words, words


@pytest.mark.parametrize("option", [*NUMBERS, "umask", "cpu-priority"])
def test_number(configtest, option):
    """One line of each kind, all refused, and each by the name of the option."""
    for value in NO_NUMBERS:
        if (option, value) == ("cpu-priority", "-1"):
            continue
        status, words = configtest(f"WSGIDaemonProcess a {option}={value}")
        assert status != 0, f"{option}={value} was accepted"
        assert f"Invalid {option} '" in words, words
        assert "for WSGI daemon process" in words, words


@pytest.mark.parametrize(
    "name",
    [
        "WSGIReloadMechanism", "WSGIPythonExecutable", "WSGILazyInitialization",
        "WSGIChunkedRequestBuffer", "WSGIThreadSwitch", "WSGIUserAuthoritative",
    ],
)  # fmt: skip
def test_dropped_directive(configtest, name):
    status, words = configtest(f"{name} x y z")
    assert status != 0
    assert f"{name} is no longer a directive: " in words


@pytest.mark.root
@pytest.mark.parametrize(
    "option",
    ["user=games", "group=games", "supplementary-groups=games", "chroot=/", "private-tmp=On"],
)
def test_what_only_root_may_do(configtest, option):
    status, words = configtest(f"WSGIDaemonProcess a {option}", as_user="nobody")
    assert status != 0, "accepted"
    assert f"{option.split('=')[0]}=" in words
    assert "needs an Apache that is started by root" in " ".join(words.split())


@pytest.mark.root
def test_what_anybody_may_do(configtest):
    """Their own user and group, and limits that only take away."""
    options = "user=nobody group=nogroup memory-limit=1073741824 cpu-priority=5 script-user=nobody"
    status, words = configtest(f"WSGIDaemonProcess a {options}", as_user="nobody")
    assert status == 0, words


GOOD = [
    HOSTS.format(first="ServerName a.test", second="ServerName A.TEST"),
    "WSGIDaemonProcess a user=#-1 group=#-1",
    "WSGIDaemonProcess a listen-backlog=0 connect-timeout=0 shutdown-timeout=0",
    "WSGIDaemonProcess a display-name='one word' python-path=\"/with blank\"",
    "WSGISocketRotation off",
    "WSGIVerboseDebugging OFF",
    *(
        f"WSGIAcceptMutex {name}"
        for name in ("default", "flock", "fcntl", "sysvsem", "posixsem", "pthread")
    ),
]


@pytest.mark.parametrize("text", GOOD)
def test_good(configtest, text):
    status, words = configtest(text)
    assert status == 0, words
