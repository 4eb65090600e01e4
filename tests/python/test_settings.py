"""Where values come from, and which source wins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.settings import read_file, resolve, unknown_option

needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is new in 3.11")


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


def test_environment_pair_without_separator() -> None:
    with pytest.raises(ConfigError, match="PYWSGI_SETENV must hold NAME=VALUE"):
        resolve(env={"PYWSGI_SETENV": "novalue"})


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


@needs_toml
def test_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        """
        port = 9000
        embedded_mode = true
        python_path = ["/a", "/b"]
        url_alias = [["/static", "/srv/static"]]
        setenv = { DEBUG = 1 }
        """
    )
    settings = resolve(file=read_file(path))
    assert settings[opt.LISTEN_PORT] == 9000
    assert settings[opt.EMBEDDED_MODE] is True
    assert settings[opt.PYTHON_PATH] == (Path("/a"), Path("/b"))
    assert settings[opt.URL_ALIAS] == (("/static", Path("/srv/static")),)
    assert settings[opt.SETENV] == (("DEBUG", "1"),)


@needs_toml
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = ", "Cannot read the settings file"),
        ("colour = 1", "colour in .* is not an option of mod_pywsgi"),
        ("http2 = true", "http2 in .* does not have yet"),
        ("url_alias = [['/a']]", "url_alias in .* needs URL-PATH and PATH"),
    ],
)
def test_file_errors(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_file(path)


def test_missing_file() -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_file(Path("/nonexistent/settings.toml"))


def test_option_that_is_not_built_yet() -> None:
    assert "does not have yet" in str(unknown_option("http2", "--http2"))
    assert "is not an option" in str(unknown_option("htttp", "--htttp"))
