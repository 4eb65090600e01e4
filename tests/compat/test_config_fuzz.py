"""Random and hostile arguments for every directive and option: a clear error or success, never a crash.

Each text comes from its name and number, so that a failure can be had again:
`./dev test tests/compat/test_config_fuzz.py -k NAME`, and the number is in the message.
`./dev test --asan --slow` looks for what only a sanitizer sees.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import machine
from support.httpd import HttpdInstance, Settings

SOURCES = Path(__file__).parents[2] / "src" / "server"
SHORT, LONG = 4, 60


def names(file: str, table: str, pattern: str) -> list[str]:
    text = (SOURCES / file).read_text()
    return re.findall(pattern, text[text.index(table) :].split("\n};")[0])


DIRECTIVES = names("apache/directives.c", "command_rec pyw_directives[]", r'\(\s*"<?(WSGI\w+)')
OPTIONS = names("base/options.c", "option_row rows[]", r'\(\s*"([a-z-]+)"')
SECTIONS = {"WSGIInterpreterOptions"}

VALUES = [
    b"",
    *(b'"" \'\' " \' a"b "a\'b \'a"b "a "a"b"c \\ \\\\ "\\ "\\" \\"').split(b" "),
    *b"-1 0 1 2 +5 007 08 5x 0x10 1e5 1e400 nan inf -0.0 0.1 65535 65536 4294967296".split(),
    *b"9223372036854775807 9223372036854775808 -9223372036854775808 99999999999999999999".split(),
    *b"On oN Off OFF Auto random default flock None All +All -None +Capture yes true".split(),
    *b"%{ %{} %{GLOBAL} %{GLOBAL %{ENV:} %{ENV: %{ENV:a} %{ENV:%{ENV:a}} %{RESOURCE}x % %%".split(),
    *b"${ ${} ${UNDEFINED} $0 $1$99$ $".split(),
    *b"/ // /etc /etc/passwd /x/../../y ../.. . ~ /dev/null /proc/self/mem unix:/x unix: udp:x".split(),
    *b"([ (((( (?:a+)+$ [[:alpha:] a{1,99999} *** ^$ (?P<n> \\Q".split(),
    *b"root nobody no-such-user #0 #-1 #65534 #99999999999 # , ,,, root,nobody root,,".split(),
    *b"127.0.0.1 127.0.0.1/33 10.0.0.0/8 ::1/129 ::/0 1.2.3 a.test 256.1.1.1 X-Forwarded-For".split(),
    *b"= == a= =a a=b=c a=1 processes=2 process-group=x application-group=%{GLOBAL}".split(),
    *b"callable-object= pass-authorization=maybe interval=0.1 interval=nan".split(),
    *b"%s%s%n %d %99999d < > <x> & ; | ` # \x7f \x01\x02 \xff\xfe \xc3\xa9 \xf0\x9f\x90\x8d".split(),
    b"a" * 300,
    b"b" * 5000,
    b"/" + b"c" * 70000,
    b'"' + b"d " * 3000 + b'"',
    b"x=1 " * 2000,
    b"%{ENV:" + b"e" * 9000 + b"}",
    b"(" * 3000,
]
# What a line may stand in.
PLACES = [
    (b"", b""),
    (b"<VirtualHost *:80>\nServerName v.test\n", b"\n</VirtualHost>"),
    (b"<Directory />\n", b"\n</Directory>"),
    (b"<Location /x>\n", b"\n</Location>"),
    (b"<Files x>\n", b"\n</Files>"),
    (b'<If "true">\n', b"\n</If>"),
    (b"<Directory />\n<Limit GET>\n", b"\n</Limit>\n</Directory>"),
    (b"<WSGIInterpreterOptions application-group=x>\n", b"\n</WSGIInterpreterOptions>"),
    (b"<VirtualHost *:80>\n<Directory />\n", b"\n</Directory>\n</VirtualHost>"),
]


def noise(chance: random.Random) -> bytes:
    """Any bytes that a line can hold."""
    length = chance.choice([1, 3, 10, 200])
    return bytes(chance.choice([9, 13, *range(32, 256), *range(1, 9)]) for _ in range(length))


def value(chance: random.Random) -> bytes:
    return noise(chance) if chance.random() < 0.15 else chance.choice(VALUES)


def directive_line(chance: random.Random, name: str) -> bytes:
    words = [value(chance) for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 6]))]
    line = b" ".join([name.encode(), *words])
    if name in SECTIONS:
        end = chance.choice([b">", b">", b">", b"", b">x"])
        return b"<%s%s\n%s" % (line, end, chance.choice([b"</%s>" % name.encode(), b""]))
    return line


def option_line(chance: random.Random, name: str) -> bytes:
    pairs = [b"%s=%s" % (name.encode(), value(chance))]
    for _ in range(chance.choice([0, 0, 1, 3])):
        pairs.append(b"%s=%s" % (chance.choice(OPTIONS).encode(), value(chance)))
    chance.shuffle(pairs)
    return b"WSGIDaemonProcess group " + b" ".join(pairs)


def in_some_place(chance: random.Random, line: bytes) -> bytes:
    """A line by itself mostly, else in a section, or more than once."""
    before, after = chance.choice([PLACES[0]] * len(PLACES) + PLACES)
    return before + b"\n".join([line] * chance.choice([1, 1, 1, 2])) + after


def texts(name: str, count: int) -> Iterator[tuple[int, bytes]]:
    make = directive_line if name in DIRECTIVES else option_line
    for number in range(count):
        chance = random.Random(f"{name}/{number}")
        yield number, in_some_place(chance, make(chance, name))


@pytest.fixture(scope="session")
def check(around):
    """Run `httpd -t` on a text, of which a file is made byte for byte."""
    text = b""
    instance = HttpdInstance(
        around,
        Settings(
            extra="Include @ROOT@/fuzz.conf",
            prepare=lambda server: (server.root / "fuzz.conf").write_bytes(text),
        ),
    )

    def run(this: bytes) -> tuple[int, str]:
        nonlocal text
        text = this
        return instance.configtest()

    yield run
    instance.remove()


def campaign(check, name: str, count: int) -> None:
    for number, text in texts(name, count):
        shown = f"{name}/{number}: {text[:500]!r}"
        try:
            status, words = check(text)
        except machine.HttpdFailed as error:
            pytest.fail(f"{shown}\n{error}")
        if status == 0:
            assert "Syntax OK" in words, shown
        else:
            assert status == 1, f"{shown}\n{words}"
            assert_clear(words, shown)


def assert_clear(words: str, shown: str) -> None:
    """The place, then a sentence."""
    found = re.search(r"Syntax error on line \d+ of \S+/fuzz\.conf:(.*)", words, re.DOTALL)
    assert found, f"{shown}\n{words}"
    assert len(found[1].strip()) > 10, f"{shown}\n{words}"


@pytest.mark.parametrize("name", [*DIRECTIVES, *OPTIONS])
def test_short(check, name):
    campaign(check, name, SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DIRECTIVES, *OPTIONS])
def test_long(check, name):
    campaign(check, name, LONG)


@pytest.fixture
def open_to_htaccess(start):
    server = start(
        '<Directory "@ROOT@/htdocs/open">\nAllowOverride All\n</Directory>',
        files={"htdocs/open/page": "page\n"},
    )
    server.log.allow("")
    return server


def htaccess_campaign(server, count: int) -> None:
    """The same in a file that is read by each request, in a process that serves others too."""
    file = server.write("htdocs/open/.htaccess", "")
    for name in DIRECTIVES:
        for number in range(count):
            line = directive_line(random.Random(f".htaccess/{name}/{number}"), name)
            file.write_bytes(line)
            response = server.get("/open/page")
            shown = f"{name}/{number}: {line[:500]!r}"
            assert response.status in (200, 403, 500), shown  # 403: an access script that is none
            assert response.status != 200 or response.body == b"page\n", shown


def test_htaccess_short(open_to_htaccess):
    htaccess_campaign(open_to_htaccess, SHORT)


@pytest.mark.slow
def test_htaccess_long(open_to_htaccess):
    htaccess_campaign(open_to_htaccess, LONG)


def test_a_crash_would_be_seen(around):
    """The control: a signal is no exit status."""
    broken = machine.Facts(**{**vars(around.facts), "program": "/bin/sh"})
    instance = HttpdInstance(
        type(around)(facts=broken, artifacts=around.artifacts, apps=around.apps)
    )
    instance._command = lambda *_: ["/bin/sh", "-c", "kill -SEGV $$"]
    try:
        with pytest.raises(machine.HttpdFailed, match="ended by signal 11"):
            instance.configtest()
    finally:
        instance.remove()


def test_every_name_is_there():
    assert len(DIRECTIVES) >= 49
    assert len(OPTIONS) >= 44
