"""Text of the generated files: quoting, and golden copies."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mod_pywsgi import artifacts, plan, render
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.identity import Identity

from .conftest import SITE, Make

GOLDEN = Path(__file__).parent / "golden"

# Quoting

NASTY = ["", " ", '"', "\\", "'", "$", "{", "}", "%", "#", "<", ">", "a", "ö", "\t", "`", ";", "&"]


def nasty_texts() -> list[str]:
    """All pairs of what has a meaning somewhere, and longer mixtures of them."""
    pairs = ["".join(pair) for pair in itertools.product(NASTY, repeat=2)]
    chance = random.Random(1)
    return pairs + ["".join(chance.choices(NASTY, k=chance.randint(3, 12))) for _ in range(2000)]


def httpd_word(text: str) -> tuple[str, str]:
    """The first word of a line and the rest, by the rules of httpd's ap_getword_conf."""
    assert text[0] == '"'
    word: list[str] = []
    position = 1
    while position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in ("\\", '"'):
            position += 1
        elif text[position] == '"':
            return "".join(word), text[position + 1 :]
        word.append(text[position])
        position += 1
    raise AssertionError(f"no closing quote: {text}")


def test_quote_survives_httpd() -> None:
    for text in nasty_texts():
        if "${" in text:
            with pytest.raises(ConfigError):
                render.quote(text)
        else:
            assert httpd_word(render.quote(text)) == (text, "")


@pytest.mark.parametrize("quote", [render.quote, render.quote_directory, render.quote_rewrite])
@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "${HOME}", "x${", "\n", 'a"\nUser root'])
def test_quote_refuses(quote: object, text: str) -> None:
    assert callable(quote)
    with pytest.raises(ConfigError, match="cannot hold"):
        quote(text)


@pytest.mark.parametrize("text", ["/a*", "/a?", "/a[b]"])
def test_directory_refuses_wildcards(text: str) -> None:
    with pytest.raises(ConfigError, match="takes a wildcard"):
        render.quote_directory(text)


def test_quote_python() -> None:
    for text in [*nasty_texts(), "a\nb", "\0", "\udcff"]:
        assert ast.literal_eval(render.quote_python(text)) == text
    assert render.quote_python(Path("/a")) == "'/a'"
    assert render.quote_python(None) == "None"
    assert render.quote_python(True) == "True"


def test_quote_shell() -> None:
    for text in [*nasty_texts(), "a\nb"]:
        assert shlex.split(render.quote_shell(text)) == [text]
    with pytest.raises(ConfigError):
        render.quote_shell("a\0b")


def test_numbers_and_words() -> None:
    assert render.quote_number(5) == "5"
    for wrong in ("5", True, 1.5):
        with pytest.raises(TypeError):
            render.quote_number(wrong)
    assert render.word("mpm_event_module") == "mpm_event_module"
    with pytest.raises(ValueError, match="not a plain word"):
        render.word("a b")


def test_urls_in_patterns() -> None:
    """Back from what Apache reads to the URL that was meant, and no other."""
    for text in nasty_texts():
        if "${" in text or not text:
            continue
        url = "/" + text
        pattern, rest = httpd_word(render.quote_exact_url(url))
        assert rest == ""
        assert re.search(pattern, url) and not re.search(pattern, url + "x")
        assert re.search(httpd_word(render.quote_ending(text))[0], "name" + text)
        below = httpd_word(f'"{render.quote_expression_below(url)}"')[0]
        assert below.startswith("m#") and below.endswith("#") and "#" not in below[2:-1]
        assert re.search(below[2:-1], url.rstrip("/") + "/x")
        assert not re.search(below[2:-1], url.rstrip("/") + "x")
        header = httpd_word(render.quote_header(text))[0]
        assert re.sub(r"([%\\\\])\1", r"\1", header) == text
        assert not re.search(r"[%\\\\]", header.replace("%%", "").replace("\\\\", ""))


@pytest.mark.parametrize(
    ("url", "path", "is_other"),
    [
        ("/static", "/static/a", False),
        ("/static/", "/static", False),
        ("/static", "/statics", True),
        ("/a.b", "/aXb", True),
        ("/", "/x", False),
    ],
)
def test_other_urls(url: str, path: str, is_other: bool) -> None:
    pattern = render.quote_other_urls(url)[1:-1]
    assert pattern.startswith("!")
    assert (re.search(pattern[1:], path) is None) is is_other


def test_rewrite_prefix_is_literal() -> None:
    assert render.quote_rewrite("/a$1%2\\3", "%{X}") == '"/a\\$1\\%2\\\\3%{X}"'
    assert render.quote_rewrite('/a"b', "%{X}") == "'/a\"b%{X}'"
    with pytest.raises(ConfigError, match="both kinds of quotes"):
        render.quote_rewrite("/a\"b'c")


# Golden files

MODULE = Target("module", "mysite.wsgi", f"{SITE}/mysite/wsgi.py", "application")
ROOT = Identity("www-data", "www-data", 33, 33, drops=True, reason="the web user")

CASES: dict[str, tuple[list[str], dict[str, object]]] = {
    "script": ([], {}),
    "module": (["--processes", "2", "--threads", "8", "--access-log"], {"target": MODULE}),
    "embedded": (["--embedded-mode", "--processes", "2"], {}),
    "debug": (["--debug-mode"], {}),
    "reload": (["--reload-on-changes", "--log-to-terminal"], {}),
    "static": (
        [
            *("--document-root", "/golden/files/doc root"),
            *("--url-alias", "/static", "/golden/files/static"),
            *("--url-alias", "/robots.txt", "/golden/files/robots.txt"),
            *("--mount-point", "/app"),
        ],
        {},
    ),
    "site": (
        [
            *("--server-name", "www.a.example"),
            *("--document-root", "/golden/files/doc root"),
            *("--setenv", "GREETING", 'say "hi" \\ bye'),
            *("--include-file", "/golden/files/more.conf"),
            *("--log-level", "info"),
            *("--keep-alive-timeout", "0"),
            *("--inactivity-timeout", "300", "--ignore-activity", "/health/"),
        ],
        {"identity": ROOT},
    ),
    "tls": (
        [
            *("--server-name", "www.a.example", "--server-alias", "*.b.example"),
            *("--https-port", "443", "--port", "80", "--https-only"),
            *("--hsts-policy", "max-age=31536000", "--http2", "--security-headers"),
            *("--ssl-certificate-file", "/golden/files/site.crt"),
            *("--ssl-certificate-key-file", "/golden/files/site.key"),
            *("--ssl-ca-certificate-file", "/golden/files/site.crt"),
            *("--ssl-verify-client", "/admin", "--ssl-environment", "--allow-localhost"),
        ],
        {"identity": ROOT},
    ),
    "acme": (
        [
            *("--https-port", "8443", "--acme-email", "me@a.example"),
            *("--acme-domain", "a.example", "--acme-domain", "www.a.example"),
            *("--acme-directory", "https://ca.example/directory"),
        ],
        {"identity": ROOT},
    ),
    "files": (
        [
            *(
                "--document-root",
                "/golden/files/doc root",
                "--rewrite-rules",
                "/golden/files/rules",
            ),
            *("--directory-index", "index.html", "--directory-listing", "--with-cgi"),
            *("--allow-override", "FileInfo", "--allow-override", "Options=Indexes"),
            *("--url-alias", "/static", "/golden/files/static", "--mount-point", '/a "b#'),
            *("--add-handler", ".md", "/golden/files/markdown.py", "--health-endpoints"),
            *("--error-document", "404", "/404.html", "--error-document", "503", 'say "no"'),
            *("--error-override", "--mime-types", "/golden/files/types", "--disable-reloading"),
        ],
        {},
    ),
    "proxy": (
        [
            *("--proxy-mount-point", "/up", "http://127.0.0.1:9000/"),
            *("--proxy-mount-point", "/up/100%", "https://[::1]:9001/base"),
            *("--proxy-virtual-host", "b.example", "http://127.0.0.1:9002"),
            *(
                "--proxy-timeout",
                "7",
                "--health-endpoints",
                "--document-root",
                "/golden/files/doc root",
            ),
            *("--trust-proxy-header", "x-forwarded-for", "--trust-proxy", "10.0.0.0/8"),
            *("--auth-user-script", "/golden/files/users.py", "--auth-type", "Digest"),
            *("--auth-group-script", "/golden/files/users.py", "--auth-group", "night shift"),
            *("--host-access-script", "/golden/files/hosts.py"),
            *("--error-document", "401", "/login.html"),
            *("--compress-responses", "--enable-sendfile", "--map-head-to-get", "Off"),
            *("--application-group", 'my "own"'),
        ],
        {},
    ),
    "ipv6": (["--host", "::1", "--https-port", "8443", "--self-signed", "--https-only"], {}),
    "services": (
        [
            *("--service-script", "mail", "/golden/files/mail queue.py"),
            *("--service-script", "nightly", "/golden/files/nightly.py"),
            *("--service-schedule", "nightly", "15 3 * * *"),
        ],
        {},
    ),
    "prefork": (["--server-mpm", "prefork", "--host", "127.0.0.1"], {}),
    "worker": (["--server-mpm", "worker", "--limit-request-body", "0"], {}),
}


def planned(name: str, make: Make) -> plan.Plan:
    words, changed = CASES[name]
    directories = frozenset({Path("/golden/files/static")})
    return make(*words, "--server-root", "/golden/root", directories=directories, **changed)


def compare(file: Path, text: str) -> None:
    if os.environ.get("PYWSGI_WRITE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text, "PYWSGI_WRITE_GOLDEN=1 pytest tests/python accepts the change"


@pytest.mark.parametrize("name", CASES)
def test_golden_conf(name: str, make: Make) -> None:
    compare(GOLDEN / f"{name}.conf", render.httpd_conf(planned(name, make)))


@pytest.mark.parametrize("name", ["module", "embedded", "reload", "debug"])
def test_golden_handler(name: str, make: Make) -> None:
    text = render.handler_script(planned(name, make))
    compare(GOLDEN / f"{name}.wsgi", text)
    compile(text, name, "exec")


def test_golden_apachectl(make: Make) -> None:
    text = render.apachectl(planned("script", make))
    compare(GOLDEN / "apachectl", text)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_golden_files_are_all_used() -> None:
    used = {f"{name}.conf" for name in CASES} | {"apachectl"}
    used |= {f"{name}.wsgi" for name in ("module", "embedded", "reload", "debug")}
    used |= {"user.service", "root.service"}  # test_unit.py
    used |= {"plain.vhost", "full.vhost", "tls.vhost"}  # test_vhost.py
    assert {path.name for path in GOLDEN.iterdir()} == used


def make_pair(path: Path) -> None:
    """A certificate and its key."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a"),
            *("-out", f"{path}.crt", "-keyout", f"{path}.key"),
        ],
        capture_output=True,
        check=True,
    )


@pytest.mark.parametrize("name", CASES)
def test_apache_takes_golden_conf(name: str, open_tmp: Path) -> None:
    """Apache itself, with the real module, finds nothing wrong in any golden file."""
    httpd = httpd_facts.find()
    text = (GOLDEN / f"{name}.conf").read_text()
    for golden, real in (
        ("/golden/modules", httpd.modules_directory),
        ("/golden/libexec", artifacts.find().directory),
        ("/golden/venv", Path(sys.prefix)),
        ("/etc/mime.types", httpd.mime_types or Path("/dev/null")),
    ):
        text = text.replace(golden, str(real))
    text = text.replace("/golden/", f"{open_tmp}/")
    for directory in ("root/run", "root/htdocs", "files/doc root", "files/static", "site"):
        (open_tmp / directory).mkdir(parents=True)
    (open_tmp / "site" / "app.py").touch()
    (open_tmp / "files" / "robots.txt").touch()
    (open_tmp / "files" / "more.conf").write_text("SetEnv A B\n")
    (open_tmp / "files" / "rules").write_text("RewriteRule ^a$ /b\n")
    (open_tmp / "files" / "types").write_text("text/x-shop shop\n")
    for name in ("files/site", "root/self-signed"):
        make_pair(open_tmp / name)
    (open_tmp / "authorities.pem").write_bytes((open_tmp / "files" / "site.crt").read_bytes())
    conf = open_tmp / "httpd.conf"
    conf.write_text(text)
    done = subprocess.run(
        [httpd.program, "-t", "-f", conf], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "Syntax OK"), done.stdout


def test_values_cannot_break_out(make: Make, facts: plan.Facts) -> None:
    """A value that tries to add a directive ends as a value, or as an error."""
    target = dataclasses.replace(facts.target, name='/golden/a"b\\/x.py', file="")
    text = render.httpd_conf(make(target=target))
    assert '"/golden/a\\"b\\\\/x.py"' in text
    for evil in ("/golden/a\nUser root/x.py", "/golden/${HOME}/x.py"):
        with pytest.raises(ConfigError):
            render.httpd_conf(make(target=dataclasses.replace(target, name=evil)))
