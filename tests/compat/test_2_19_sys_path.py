"""Compat 2.19: sys.path, and what comes first in it."""

from __future__ import annotations

import pytest

from support.inline import value

FILES = {
    "one/a.pth": "@ROOT@/from_pth\n",
    "one/here": "",
    "two/here": "",
    "from_pth/here": "",
    "home/here": "",
    "env/here": "",
}


def of_test(server, path="/inline"):
    here = f"{server.root}/"
    return [p.removeprefix(here) for p in value(server, "sys.path", path) if p.startswith(here)]


@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
def test_home_then_python_path_then_the_rest(start, group):
    server = start(
        f"<Location /inline>\nWSGIApplicationGroup {group}\n</Location>",
        mode="daemon",
        options="home=@ROOT@/home python-path=@ROOT@/one:@ROOT@/two",
        files=FILES,
    )
    found = value(server, "sys.path")
    assert of_test(server) == ["home", "one", "from_pth", "two"]
    assert found[:4] == [f"{server.root}/{name}" for name in ("home", "one", "from_pth", "two")]
    assert len(found) > 4
    assert len(found) == len(set(found))


def test_embedded(start):
    server = start("WSGIPythonPath @ROOT@/one:@ROOT@/two", mode="embedded", files=FILES)
    assert value(server, "sys.path")[:3] == [
        f"{server.root}/{name}" for name in ("one", "from_pth", "two")
    ]


def test_without_home_nothing_is_put_in(start):
    server = start(mode="daemon", options="python-path=@ROOT@/two", files=FILES)
    assert of_test(server) == ["two"]
    assert "" not in value(server, "sys.path")


def test_the_scripts_directory_is_not_in_it(server):
    assert value(server, "[p for p in sys.path if p.endswith('/inline')]") == []
    assert not value(server, "'wsgi' in sys.modules")


def test_pythonpath_of_the_environment_counts_behind(start):
    server = start(
        mode="daemon", options="env=PYTHONPATH=@ROOT@/env python-path=@ROOT@/two", files=FILES
    )
    assert of_test(server) == ["two", "env"]


def test_a_directory_that_is_there_already_is_not_put_in_twice(start):
    server = start(
        mode="daemon", options="env=PYTHONPATH=@ROOT@/two python-path=@ROOT@/two", files=FILES
    )
    assert of_test(server) == ["two"]
