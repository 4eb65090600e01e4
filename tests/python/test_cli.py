"""The command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi import __version__, artifacts, cli, launch
from mod_pywsgi import options as opt
from mod_pywsgi.errors import HttpdError
from mod_pywsgi.options import OPTIONS
from mod_pywsgi.settings import Settings

SECTIONS = [option.section for option in OPTIONS if not option.hidden]


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, str | None]]:
    """What reaches launch.prepare, which then stops everything."""
    calls: list[tuple[Settings, str | None]] = []

    def prepare(settings: Settings, argument: str | None, *, will_start: bool = False) -> Any:
        calls.append((settings, argument))
        raise HttpdError("stop here", "way out")

    monkeypatch.setattr(launch, "prepare", prepare)
    return calls


def test_help_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("start-server", "--help") == 0
    shown = capsys.readouterr().out
    for option in OPTIONS:
        assert (option.flag in shown) != option.hidden


def test_help_has_each_section_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Under its heading stand its options, and the command's own stand first."""
    assert run("start-server", "--help") == 0
    shown = capsys.readouterr().out
    assert shown.index("--no-config") < shown.index("\nApplication:\n")
    begins = [shown.index(f"\n{section}:\n") for section in dict.fromkeys(SECTIONS)]
    assert begins == sorted(begins)
    assert all(shown.count(f"\n{section}:\n") == 1 for section in SECTIONS)
    after_listener = shown.split("\nListener:\n")[1].split("\n\n")[0]
    assert "--port" in after_listener
    assert "--processes" not in after_listener


def test_help_has_each_command_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name, command in cli.commands.commands.items():
        assert (f"\n  {name} " in shown) != command.hidden
    assert "..." not in shown.replace("[ARGS]...", "")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["start-server", "a", "b"]])
def test_usage_errors(words: list[str]) -> None:
    assert run(*words) == 2


def test_settings_reach_launch(seen: list[tuple[Settings, str | None]]) -> None:
    words = "app.py --port 81 --setenv A 1 --setenv B 2 --embedded-mode --url-alias /s /srv"
    assert run("start-server", *words.split()) == 3
    ((settings, argument),) = seen
    assert argument == "app.py"
    assert settings[opt.LISTEN_PORT] == 81
    assert settings[opt.SETENV] == (("A", "1"), ("B", "2"))
    assert settings[opt.EMBEDDED_MODE] is True
    assert settings[opt.URL_ALIAS] == (("/s", Path("/srv")),)
    assert settings.source(opt.LISTEN_PORT) == "--port"
    assert settings[opt.RELOAD_ON_CHANGES] is False
    assert not settings.is_given(opt.RELOAD_ON_CHANGES)


def test_variables_are_expanded(
    seen: list[tuple[Settings, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_APP", "/srv/app.py")
    monkeypatch.setenv("PYWSGI_THREADS", "9")
    run("setup-server", "$MY_APP")
    ((settings, argument),) = seen
    assert argument == "/srv/app.py"
    assert settings[opt.THREADS] == 9


def test_errors_are_sentences(
    seen: list[tuple[Settings, str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("start-server") == 3
    assert capsys.readouterr().err == "mod-pywsgi-express: error: stop here\n  way out\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-such-thing"], "--no-such-thing is not an option"),
        (["--error-document", "404"], "It is: --error-document STATUS URL\n"),
        (["--http2=yes"], "It is: --http2\n"),
        (["--port", "x"], "--port must be a whole number"),
        (
            ["--application-type", "php"],
            "--application-type must be one of script, module, paste, static",
        ),
    ],
)
def test_bad_options(
    seen: list[tuple[Settings, str | None]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert run("start-server", "app.py", *words) == 2
    assert message in capsys.readouterr().err
    assert seen == []


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mod_pywsgi.so"
    path.write_bytes(b"module")
    monkeypatch.setenv(artifacts.VARIABLE, str(tmp_path))
    return path


def test_module_location(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("module-location") == 0
    assert capsys.readouterr().out == f"{module}\n"


def test_module_config(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("module-config") == 0
    out = capsys.readouterr().out
    assert out.startswith(f'LoadModule wsgi_module "{module}"\nWSGIPythonHome "')


def test_install_module(module: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "modules"
    target.mkdir()
    assert run("install-module", "--modules-directory", str(target)) == 0
    assert (target / "mod_pywsgi.so").read_bytes() == b"module"
    assert f'"{target / "mod_pywsgi.so"}"' in capsys.readouterr().out
    assert [path.name for path in target.iterdir()] == ["mod_pywsgi.so"]


def test_install_module_nowhere(module: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("install-module", "--modules-directory", "/nonexistent") == 2
    assert "Cannot write /nonexistent/mod_pywsgi.so" in capsys.readouterr().err
