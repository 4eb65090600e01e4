"""What `config` prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mod_pywsgi import explain, settings_file
from mod_pywsgi.options import OPTIONS
from mod_pywsgi.settings import Settings, resolve

ARGV = {
    "port": [("81",)],
    "host": [("::1",)],
    "setenv": [("A", 'say "hi" \\ grüße'), ("B", "1")],
    "url-alias": [("/a", "/srv/a"), ("/a", "/srv/b")],
    "python-path": [("/lib",)],
    "embedded-mode": [("on",)],
    "application-type": [("module",)],
}


def lines(settings: Settings, *, everything: bool = False) -> str:
    return "\n".join(explain.as_toml(settings, everything=everything)) + "\n"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is new in 3.11")
@pytest.mark.parametrize("everything", [False, True])
def test_it_is_a_settings_file_that_says_the_same(tmp_path: Path, everything: bool) -> None:
    settings = resolve(ARGV)
    path = tmp_path / "pywsgi.toml"
    path.write_text(lines(settings, everything=everything))
    again = resolve(file=settings_file.read_file(path))
    assert again.values == settings.values


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is new in 3.11")
def test_commented_defaults_can_be_switched_on(tmp_path: Path) -> None:
    text = lines(resolve(), everything=True)
    path = tmp_path / "pywsgi.toml"
    path.write_text(
        "\n".join(
            line.removeprefix("# ")
            for line in text.splitlines()
            if "= " in line and "..." not in line
        )
    )
    read = resolve(file=settings_file.read_file(path))
    for option in OPTIONS:
        assert read[option] == option.default, option.name


def test_relative_paths_mean_the_same_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").touch()
    settings = resolve({"python-path": [("lib",)]}, argument="app.py")
    assert f'entry_point = "{tmp_path}/app.py"' in lines(settings)
    assert f'python_path = ["{tmp_path}/lib"]' in lines(settings)


def test_table() -> None:
    settings = resolve({"port": [("81",)]}, {"PYWSGI_THREADS": "3"}, {"host": [("::1",)]}, "s.toml")
    first, *rows = explain.as_table(settings, everything=False)
    assert first == "settings file: s.toml"
    cells = [tuple(" ".join(row.split("  ")).split()) for row in rows]
    assert cells[0] == ("option", "value", "from", "default")
    assert ("port", "81", "--port", "8000") in cells
    assert ("threads", "3", "PYWSGI_THREADS", "5") in cells
    assert ("host", '"::1"', "host", "in", "s.toml", "all", "interfaces") in cells
    assert len(cells) == 4
    everything = list(explain.as_table(settings, everything=True))
    assert len(everything) == 2 + sum(not option.hidden for option in OPTIONS)


def test_nothing_given() -> None:
    assert lines(resolve()).startswith("# Every option has its default")
    assert list(explain.as_table(resolve(), everything=False))[1].startswith("every option has")


def test_document() -> None:
    document = explain.as_document(resolve(ARGV), everything=True)
    assert json.loads(json.dumps(document)) == document
    assert document["file"] is None
    found = document["options"]["port"]
    assert (found["value"], found["source"], found["default"]) == (81, "--port", 8000)
    assert document["options"]["url-alias"]["value"] == [["/a", "/srv/a"], ["/a", "/srv/b"]]
    assert document["options"]["threads"]["source"] == "default"
