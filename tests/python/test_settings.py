"""Where values come from, and which source wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import proxy
from mod_pywsgi.settings import resolve


def test_default() -> None:
    settings = resolve()
    assert settings[opt.LISTEN_PORT] == 8000
    assert settings.source(opt.LISTEN_PORT) == "default"
    assert not settings.is_given(opt.LISTEN_PORT)


def test_later_sources_win() -> None:
    file = {"port": [("1001",)]}
    env = {"PYWSGI_PORT": "1002"}
    argv = {"port": [("1003",)]}
    sources = [
        (resolve(file=file, file_name="s.toml"), 1001, "port in s.toml"),
        (resolve(file=file, env=env), 1002, "PYWSGI_PORT"),
        (resolve(file=file, env=env, argv=argv), 1003, "--port"),
    ]
    for settings, value, source in sources:
        assert settings[opt.LISTEN_PORT] == value
        assert settings.source(opt.LISTEN_PORT) == source
        assert settings.is_given(opt.LISTEN_PORT)


def test_last_occurrence_wins() -> None:
    assert resolve({"port": [("1",), ("2",)]})[opt.LISTEN_PORT] == 2


def test_repeatable_options_add_up() -> None:
    settings = resolve({"setenv": [("A", "1"), ("B", "2")]})
    assert settings[opt.SETENV] == (("A", "1"), ("B", "2"))


def test_environment_of_repeatable_options() -> None:
    env = {
        "PYWSGI_SETENV": "A=1:B=x=y",
        "PYWSGI_PYTHON_PATH": "/a:/b",
        "PYWSGI_EMBEDDED_MODE": "on",
    }
    settings = resolve(env=env)
    assert settings[opt.SETENV] == (("A", "1"), ("B", "x=y"))
    assert settings[opt.PYTHON_PATH] == (Path("/a"), Path("/b"))
    assert settings[opt.EMBEDDED_MODE] is True


def test_lines_of_a_variable_may_hold_what_separates_others() -> None:
    env = {"PYWSGI_SETENV": "URL=https://example.org\nB=2\n", "PYWSGI_PYTHON_PATH": "/a:b\n"}
    settings = resolve(env=env)
    assert settings[opt.SETENV] == (("URL", "https://example.org"), ("B", "2"))
    assert settings[opt.PYTHON_PATH] == (Path("/a:b"),)


def test_environment_of_options_whose_values_have_colons() -> None:
    env = {
        "PYWSGI_PROXY_MOUNT_POINT": "/a=http://b:1/\n/c=https://d/e\n",
        "PYWSGI_TRUST_PROXY": "10.0.0.0/8\n2001:db8::/32",
    }
    settings = resolve(env=env)
    mounts = (("/a", "http://b:1"), ("/c", "https://d/e"))
    assert settings[proxy.PROXY_MOUNT_POINT] == mounts
    assert settings[proxy.TRUST_PROXY] == ("10.0.0.0/8", "2001:db8::/32")


def test_environment_pair_without_separator() -> None:
    with pytest.raises(ConfigError, match="PYWSGI_SETENV must hold NAME=VALUE"):
        resolve(env={"PYWSGI_SETENV": "novalue"})
    with pytest.raises(ConfigError) as caught:
        resolve(env={"PYWSGI_SETENV": "API=http://127.0.0.1"})
    assert "ends in a line break" in caught.value.hint
    assert resolve(env={"PYWSGI_SETENV": "API=http://127.0.0.1\n"})[opt.SETENV] == (
        ("API", "http://127.0.0.1"),
    )


@pytest.mark.parametrize(
    ("argv", "env", "start"),
    [
        ({"port": [("x",)]}, {}, "--port must be a whole number"),
        ({}, {"PYWSGI_PORT": "x"}, "PYWSGI_PORT must be a whole number"),
    ],
)
def test_error_names_the_source(
    argv: dict[str, list[tuple[str, ...]]], env: dict[str, str], start: str
) -> None:
    with pytest.raises(ConfigError, match=start) as caught:
        resolve(argv, env)
    assert caught.value.exit_code == 2


def test_the_argument_names_the_application_unless_an_option_does() -> None:
    file = {"entry-point": [("file.py",)]}
    env = {"PYWSGI_ENTRY_POINT": "env.py"}
    named = resolve(file=file, env=env, argument="argument.py")
    assert named[opt.ENTRY_POINT] == "argument.py"
    assert named.source(opt.ENTRY_POINT) == "the argument"
    named = resolve({"entry-point": [("option.py",)]}, env, file, argument="argument.py")
    assert named[opt.ENTRY_POINT] == "option.py"


def test_occurrences_of_two_sources_do_not_add_up() -> None:
    settings = resolve({"setenv": [("B", "2")]}, file={"setenv": [("A", "1")]})
    assert settings[opt.SETENV] == (("B", "2"),)
    assert settings.words["setenv"] == [("B", "2")]


def test_adding() -> None:
    before = resolve({"url-alias": [("/files", "/srv/files")]})
    after = before.adding(opt.URL_ALIAS, [("/static", "/srv/static")], "STATIC_URL")
    assert [url for url, _ in after[opt.URL_ALIAS]] == ["/files", "/static"]
    assert after.source(opt.URL_ALIAS) == "--url-alias, STATIC_URL"
    assert len(before[opt.URL_ALIAS]) == 1
    entry = resolve().adding(opt.ENTRY_POINT, [("mysite.wsgi",)], "WSGI_APPLICATION")
    assert entry[opt.ENTRY_POINT] == "mysite.wsgi"
    assert entry.source(opt.ENTRY_POINT) == "WSGI_APPLICATION"
    assert entry.is_given(opt.ENTRY_POINT)
    with pytest.raises(ConfigError, match="STATIC_URL must be a URL path"):
        before.adding(opt.URL_ALIAS, [("static", "/srv")], "STATIC_URL")
