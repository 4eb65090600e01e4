"""Debug mode, and the tools that imply it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi import summary
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.render import apachectl, handler_script, httpd_conf

from .conftest import Make


@pytest.mark.parametrize("tool", ["debugger", "coverage", "profiler", "recorder", "gdb"])
def test_each_implies_debug_mode(make: Make, tool: str) -> None:
    made = make(f"--enable-{tool}")
    assert made.debug and made.application.embedded and made.application.threads == 1
    told = {name for name, _ in made.script.exports}
    assert {"MOD_WSGI_EXPRESS", "MOD_WSGI_DEBUG_MODE", f"MOD_WSGI_{tool.upper()}_ENABLED"} <= told
    assert {name for name in told if name.endswith("_ENABLED")} == {
        f"MOD_WSGI_{tool.upper()}_ENABLED"
    }
    assert "debug=" in handler_script(made)


def test_none_of_it_by_itself(make: Make) -> None:
    made = make()
    assert not made.debug and list(made.tools.directories()) == []
    assert ("env", "MOD_WSGI_EXPRESS=true") in made.application.daemon_options
    assert "_ENABLED" not in str(made.application.daemon_options)
    assert "debug=" not in handler_script(make("--embedded-mode"))


def test_variables(make: Make) -> None:
    words = ("--server-name", "www.example.com", "--reload-on-changes")
    words += ("--server-alias", "a.example", "--server-alias", "b.example")
    options = make(*words).application.daemon_options
    assert [value for name, value in options if name == "env"] == [
        "MOD_WSGI_EXPRESS=true",
        "MOD_WSGI_SERVER_NAME=www.example.com",
        "MOD_WSGI_SERVER_ALIASES=a.example b.example",
        "MOD_WSGI_RELOADER_ENABLED=true",
    ]
    debugged = make(*words, "--debug-mode")
    # Nothing is reloaded there.
    assert "MOD_WSGI_RELOADER_ENABLED" not in dict(debugged.script.exports)
    assert "export MOD_WSGI_SERVER_NAME='www.example.com'\n" in apachectl(debugged)


def test_directories(make: Make) -> None:
    made = make("--enable-profiler", "--enable-recorder", "--recorder-directory", "/somewhere")
    own = made.paths.root / "pstats"
    assert dict(made.tools.directories()) == {
        "--profiler-directory": own,
        "--recorder-directory": Path("/somewhere"),
    }
    assert made.tools.own_directories(made.paths.root) == [own]
    shown = summary.text(made, "Ctrl-C")
    lines = dict(line.split(": ", 1) for line in shown.splitlines())
    lines = {label.strip(): value for label, value in lines.items()}
    assert lines["Profiler Output"] == str(own)
    assert lines["Recorder Output"] == "/somewhere"
    assert "Coverage" not in shown


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ("--gdb-executable", "--enable-gdb"),
        ("--coverage-directory", "--enable-coverage"),
        ("--profiler-directory", "--enable-profiler"),
        ("--recorder-directory", "--enable-recorder"),
    ],
)
def test_what_has_no_effect_is_said(make: Make, given: str, option: str) -> None:
    assert f"{given} has no effect without {option}" in make(given, "x").remarks
    assert not any("no effect" in remark for remark in make(given, "x", option).remarks)


def test_debugger_at_the_start(make: Make) -> None:
    with pytest.raises(ConfigError, match="--debugger-startup needs --enable-debugger"):
        make("--debugger-startup")
    made = make("--debugger-startup", "--enable-debugger")
    assert "'debugger_startup': True" in handler_script(made)


def test_gdb(make: Make) -> None:
    assert make("--enable-gdb").mpm.name == "prefork"  # where Ctrl-C comes to the prompt
    assert make("--enable-gdb", "--server-mpm", "worker").mpm.name == "worker"
    assert make("--enable-gdb").tools.gdb == "gdb"
    given = ("--enable-gdb", "--gdb-executable")
    assert make(*given, "gdb-multiarch").tools.gdb == "gdb-multiarch"
    assert make(*given, "my/own gdb").tools.gdb == "/golden/site/my/own gdb"
    assert "exec '/golden/site/my/own gdb' -q " in apachectl(make(*given, "my/own gdb"))
    assert "gdb" not in apachectl(make("--debug-mode"))


def test_everybody_may_look(make: Make) -> None:
    def warned(*words: str) -> bool:
        return any("source code" in remark for remark in make("--debug-mode", *words).remarks)

    assert warned() and warned("--host", "0.0.0.0")
    assert not warned("--host", "127.0.0.1")


def test_the_first_interpreter_to_its_end(make: Make) -> None:
    words = ("--application-group", "mine", "--orphan-interpreter")
    for debug in ("--debug-mode", "--enable-profiler"):
        made = make(*words, debug)
        assert made.application.application_group == "%{GLOBAL}"
        for option in ("--application-group", "--orphan-interpreter"):
            assert f"{option} has no effect in debug mode" in made.remarks
        assert "WSGIDestroyInterpreter" not in httpd_conf(made)
    assert make(*words).application.application_group == "mine"
    assert "WSGIDestroyInterpreter Off" in httpd_conf(make(*words))


def test_control_script(make: Make) -> None:
    assert 'httpd -f "$CONF" -X\n' in apachectl(make("--debug-mode"))
    assert " -X" not in apachectl(make())
    both = apachectl(make("--debug-mode", "--startup-log"))
    assert 'httpd -f "$CONF" -E ' in both and " -X\n" in both
    assert '-k start "$@"\n' in apachectl(make("--startup-log"))
