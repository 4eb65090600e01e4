"""Units of systemd: what they say, and that nothing in a value is taken for their syntax."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mod_pywsgi import plan, render, unit
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.identity import Identity

from .conftest import SITE, Make, settings_of
from .test_render import compare

GOLDEN = Path(__file__).parent / "golden"
ROOT = Identity("www-data", "www-data", 33, 33, drops=True, reason="the web user")
PROGRAM = ("/golden/venv/bin/mod-pywsgi-express",)

CASES: dict[str, tuple[list[str], dict[str, object]]] = {
    "user.service": (["--port", "80", "--processes", "2", "--reload-on-changes"], {}),
    "root.service": (
        [
            *("--server-root", "/var/lib/shop", "--include-file", "/golden/files/more.conf"),
            *("--setenv", "GREETING", 'say "hi" \\ $HOME 100%', "--stop-timeout", "25"),
        ],
        {"identity": ROOT},
    ),
}


def made(make: Make, *words: str, name: str | None = None, **changed: object) -> unit.Unit:
    entry = f"{SITE}/app.py"
    environment = {"HTTPD": "/golden/httpd", "HOME": "/root", "APXS": ""}
    return unit.make(
        make(*words, **changed), settings_of(*words), entry, PROGRAM, environment, name
    )


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, make: Make) -> None:
    words, changed = CASES[name]
    compare(GOLDEN / name, render.systemd_unit(made(make, *words, **changed)))


def test_second_port(make: Make) -> None:
    assert made(make, "--https-port", "443", "--self-signed").low_port
    assert not made(make, "--https-port", "8443", "--self-signed").low_port


def test_certificates_stay(make: Make) -> None:
    """A runtime directory goes with the service."""
    words = ["--https-port", "443", "--acme-domain", "a.example", "--acme-email", "me@a.example"]
    with pytest.raises(ConfigError, match="needs a server root that stays"):
        made(make, *words)
    assert made(make, *words, "--server-root", "/var/lib/a").runtime_directory is None


def test_command(make: Make) -> None:
    """Every option that was given, once, and what a service needs beside."""
    words = ["--url-alias", "/a", "/x", "--url-alias", "/b", "/y", "--access-log", "--port", "81"]
    command = made(make, *words).command
    assert command[:3] == (*PROGRAM, "start-server", f"{SITE}/app.py")
    assert sorted(command[3:]) == sorted(
        [*words, "--server-root", "/run/mod_pywsgi-81", "--log-to-terminal"]
    )
    assert settings_of(*command[3:]).values == {
        **settings_of(*words).values,
        **settings_of("--server-root", "/run/mod_pywsgi-81", "--log-to-terminal").values,
        **{option: settings_of(*words).values[option] for option in ("port", "access-log")},
        "url-alias": settings_of(*words).values["url-alias"],
    }


def test_a_server_root_of_ones_own(make: Make) -> None:
    """Is kept over restarts, logs and all."""
    found = made(make, "--server-root", "/var/lib/shop")
    assert found.runtime_directory is None
    assert "--log-to-terminal" not in found.command


def test_a_flag_that_is_on_by_itself(make: Make) -> None:
    from mod_pywsgi.settings import resolve

    settings = resolve(env={"PYWSGI_CHUNKED_REQUEST": "off"})
    assert "--no-chunked-request" in unit.make(make(), settings, "x", PROGRAM, {}).command
    assert not [word for word in made(make).command if "chunked" in word]


def test_a_flag_that_is_off_is_not_given(make: Make) -> None:
    from mod_pywsgi.settings import resolve

    settings = resolve(env={"PYWSGI_ACCESS_LOG": "off"})
    assert "--access-log" not in unit.make(make(), settings, "x", PROGRAM, {}).command


def test_times(make: Make) -> None:
    found = made(
        make, "--stop-timeout", "20", "--shutdown-timeout", "6", "--startup-timeout", "100"
    )
    assert (found.start_timeout, found.stop_timeout) == (160, 20 + 2 * 6 + 10)
    assert made(make, "--shutdown-timeout", "0").stop_timeout > 7 + 8


@pytest.mark.parametrize(
    ("words", "changed", "hides", "protects"),
    [
        ([], {}, True, True),
        (["--working-directory", "/tmp/x"], {}, False, True),
        (["--python-path", "/var/tmp"], {}, False, True),
        (["--server-root", "/tmp/root"], {}, False, True),
        (["--include-file", "/tmp/x.conf"], {}, False, True),
        (["--document-root", "/tmp/x"], {}, False, True),
        (["--url-alias", "/x", "/tmp/x"], {}, False, True),
        (["--document-root", "/tmp/x", "--directory-index", "i.html"], {}, False, True),
        (["--auth-user-script", "/tmp/x.py"], {}, False, True),
        (["--service-script", "a", "/tmp/x.py"], {}, False, True),
        (["--working-directory", "/usr/share/x"], {}, True, False),
        (["--working-directory", "/usrx"], {}, True, True),
    ],
)
def test_hardening_does_not_hide_what_is_needed(
    make: Make, words: list[str], changed: dict[str, object], hides: bool, protects: bool
) -> None:
    found = made(make, *words, **changed)
    assert (found.hides_tmp, found.protects_system) == (hides, protects)
    text = render.systemd_unit(found)
    assert ("PrivateTmp=yes" in text, "ProtectSystem=full" in text) == (hides, protects)


def test_ports_of_ordinary_users(make: Make) -> None:
    assert "AmbientCapabilities=CAP_NET_BIND" in render.systemd_unit(made(make, "--port", "80"))
    assert "CapabilityBoundingSet=\n" in render.systemd_unit(made(make, "--port", "8000"))
    assert "Capabilit" not in render.systemd_unit(made(make, "--port", "80", identity=ROOT))


@pytest.mark.parametrize("name", ["a b", "", "../x", "a/b", ".x", "a\n", "ü", "-x"])
def test_bad_names(make: Make, name: str) -> None:
    if name:
        with pytest.raises(ConfigError, match="cannot have the name"):
            made(make, name=name)
    else:
        assert made(make, name=name).name == "mod_pywsgi-8000"


@pytest.mark.parametrize("flag", ["--debug-mode", "--setup-only"])
def test_what_makes_no_sense(make: Make, flag: str) -> None:
    with pytest.raises(ConfigError, match=f"{flag} makes no sense in a service"):
        made(make, flag)


# Quoting

NASTY = ["", " ", '"', "\\", "'", "$", "${A}", "%", "%h", "#", ";", "ö", "\t", "a"]


def unquoted(word: str) -> str:
    """A word as systemd reads it: specifiers, then quotes and escapes (systemd.syntax(7))."""
    assert word[0] == word[-1] == '"'
    text = re.sub(r"\\(.)", r"\1", word[1:-1])
    assert "%" not in text.replace("%%", "")
    return text.replace("%%", "%")


def test_words_survive() -> None:
    for pair in itertools.product(NASTY, repeat=2):
        text = "".join(pair)
        assert unquoted(render.unit_quote(text)) == text
        in_command = unquoted(render.unit_word(text))
        assert "$" not in in_command.replace("$$", "")
        assert in_command.replace("$$", "$") == text


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_no_line_breaks(text: str) -> None:
    for quote in (render.unit_text, render.unit_quote, render.unit_word):
        with pytest.raises(ConfigError, match="cannot hold this"):
            quote(text)


@pytest.mark.parametrize("text", [" a", "a ", "a\\"])
def test_rests_of_lines(text: str) -> None:
    assert render.unit_text("/a b%") == "/a b%%"
    with pytest.raises(ConfigError, match="cannot hold this"):
        render.unit_text(text)


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze verifies units of systemd"
)
@pytest.mark.parametrize("name", CASES)
def test_systemd_takes_golden_units(name: str, tmp_path: Path) -> None:
    """No unknown line, and no value that it does not understand."""
    text = (GOLDEN / name).read_text()
    text = text.replace(PROGRAM[0], "/bin/true").replace("User=alice", "User=games")
    text = text.replace("Group=alice", "Group=games")
    file = tmp_path / name
    file.write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert name not in done.stderr, done.stderr
    file.write_text(text.replace("KillMode=mixed", "KillMode=nonsense"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert name in done.stderr, "the test finds nothing"


def test_values_cannot_break_out(make: Make, facts: plan.Facts) -> None:
    evil = dataclasses.replace(facts.target, name="/x/a\nUser=root", file="")
    with pytest.raises(ConfigError):
        render.systemd_unit(made(make, target=evil))
