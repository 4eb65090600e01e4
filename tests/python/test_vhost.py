"""Sites of the system's Apache: what is written, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mod_pywsgi import plan, render, vhost
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.settings import Settings, resolve

from .conftest import SITE, settings_of
from .test_render import compare

GOLDEN = Path(__file__).parent / "golden"
NAME = ("--server-name", "www.example.org")
CASES = {
    "plain.vhost": ("--server-name", "example.org"),
    "full.vhost": (
        *NAME,
        *("--port", "8080", "--mount-point", "/shop", "--processes", "2", "--threads", "8"),
        *("--user", "shop", "--preload", "--warmup", "/a", "--warmup", "/b"),
        *("--maximum-requests", "5000", "--queue-size", "100"),
        *("--python-path", "/golden/lib", "--working-directory", "/golden/run"),
        *(
            "--url-alias",
            "/static",
            "/golden/static",
            "--url-alias",
            "/robots.txt",
            "/golden/robots.txt",
        ),
        *(
            "--env",
            "MODE",
            "a b=c",
            "--setenv",
            "GREETING",
            'say "hi" \\ %{x}',
            "--request-timeout",
            "5",
            "--log-level",
            "info",
        ),
    ),
    "tls.vhost": (
        *NAME,
        *("--server-alias", "shop.example.org", "--https-only", "--hsts-policy", "max-age=600"),
        *(
            "--ssl-certificate-file",
            "/golden/a.pem",
            "--ssl-certificate-chain-file",
            "/golden/b.pem",
        ),
    ),
}


def typed(*words: str) -> Settings:
    """Settings as of the command line, where a port is the site's own."""
    given = settings_of(*words)
    sources = {name: f"--{name}" for name in given.sources if f"--{name}" in words}
    return dataclasses.replace(given, sources={**given.sources, **sources})


def made(facts: plan.Facts, name: str, *words: str, **changed: object) -> vhost.Site:
    around = vhost.Surroundings(
        target=facts.target,
        python=facts.python,
        directories=frozenset({Path("/golden/static")}),
        logs=Path("/var/log/apache2"),
    )
    return vhost.make(name, typed(*words), dataclasses.replace(around, **changed))


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, facts: plan.Facts) -> None:
    words = CASES[name]
    compare(GOLDEN / name, render.site(made(facts, "shop", *words)))


@pytest.mark.parametrize("name", ["a b", "", "../x", "a/b", ".x", "a\n", "-x", "ü"])
def test_bad_names(name: str, facts: plan.Facts) -> None:
    with pytest.raises(ConfigError, match="cannot have the name"):
        made(facts, name, *NAME)


def test_a_site_has_a_host_name(facts: plan.Facts) -> None:
    with pytest.raises(ConfigError, match="needs the host name"):
        made(facts, "shop")


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (Target("module", "shop.web", f"{SITE}/shop/web.py", "app"), "from shop.web import app"),
        (
            Target("script", f"{SITE}/app.py", f"{SITE}/app.py", "create_app", is_factory=True),
            "application = create_app()",
        ),
    ],
)
def test_no_script(facts: plan.Facts, target: Target, line: str) -> None:
    with pytest.raises(ConfigError, match="serves a script") as caught:
        made(facts, "shop", *NAME, target=target)
    assert line in caught.value.hint


def test_python_path_with_colon(facts: plan.Facts) -> None:
    with pytest.raises(ConfigError, match="must not contain ':'"):
        made(facts, "shop", *NAME, "--python-path", "/a:b")


@pytest.mark.parametrize("value", ["a\nErrorLog /x", "${HOME}"])
def test_nothing_adds_a_directive(facts: plan.Facts, value: str) -> None:
    target = dataclasses.replace(facts.target, name=f"/golden/{value}/app.py")
    with pytest.raises(ConfigError, match="cannot hold"):
        render.site(made(facts, "shop", *NAME, target=target))


def test_ports_of_start_server_are_not_those_of_a_site(facts: plan.Facts) -> None:
    environment = {"PYWSGI_PORT": "8000", "PYWSGI_HTTPS_PORT": "8443", "PYWSGI_SERVER_NAME": "a.b"}
    around = vhost.Surroundings(facts.target, facts.python, frozenset(), Path("/var/log"))
    made = vhost.make("shop", resolve(env=environment), around)
    assert [host.port for host in made.hosts] == [80]


@pytest.mark.parametrize(
    "words", [("--https-only",), ("--hsts-policy", "max-age=1"), ("--https-port", "8443")]
)
def test_tls_needs_a_certificate(facts: plan.Facts, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="needs a certificate"):
        made(facts, "shop", *NAME, *words)
