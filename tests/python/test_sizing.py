"""Apache's processes and threads."""

from __future__ import annotations

import pytest

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.plan.sizing import choose_mpm, embedded, for_daemons

ALL = ("event", "worker", "prefork")


@pytest.mark.parametrize(
    ("asked_for", "installed", "is_embedded", "chosen"),
    [
        ((), ALL, False, "event"),
        ((), ("worker", "prefork"), False, "worker"),
        ((), ALL, True, "worker"),
        ((), ("event", "prefork"), True, "prefork"),
        ((), ("event",), True, "event"),
        (("prefork",), ALL, False, "prefork"),
        (("worker", "event"), ("event",), False, "event"),
    ],
)
def test_choice(
    asked_for: tuple[str, ...], installed: tuple[str, ...], is_embedded: bool, chosen: str
) -> None:
    assert choose_mpm(asked_for, installed, is_embedded) == chosen


def test_choice_refused() -> None:
    with pytest.raises(ConfigError, match="no prefork processing module") as caught:
        choose_mpm(("prefork",), ("event",), False)
    assert "event" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "processes", "threads", "expected"),
    [
        # clients = 10 + max(10, 1.5 P T), with threads at least 512
        ("event", 1, 5, {"ServerLimit": 8, "ThreadsPerChild": 64, "MaxRequestWorkers": 512}),
        ("event", 20, 20, {"ServerLimit": 10, "ThreadsPerChild": 64, "MaxRequestWorkers": 640}),
        ("worker", 1, 5, {"StartServers": 1, "MinSpareThreads": 64, "MaxSpareThreads": 256}),
        ("worker", 20, 20, {"StartServers": 2, "MinSpareThreads": 128, "MaxSpareThreads": 384}),
        ("prefork", 1, 5, {"ServerLimit": 20, "StartServers": 1, "MaxRequestWorkers": 20}),
        ("prefork", 4, 15, {"MinSpareServers": 5, "MaxSpareServers": 10}),
    ],
)
def test_for_daemons(name: str, processes: int, threads: int, expected: dict[str, int]) -> None:
    directives = dict(for_daemons(name, processes, threads).directives)
    assert expected.items() <= directives.items()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("processes", [1, 3, 50])
@pytest.mark.parametrize("threads", [1, 5, 64])
def test_what_apache_demands(name: str, processes: int, threads: int) -> None:
    """Apache complains about none of these sizes."""
    for mpm in (for_daemons(name, processes, threads), embedded(name, processes, threads)):
        size = dict(mpm.directives)
        assert mpm.clients == size["MaxRequestWorkers"] >= processes * threads
        assert 1 <= size["StartServers"] <= size["ServerLimit"]
        if name == "prefork":
            assert size["MaxRequestWorkers"] <= size["ServerLimit"]
            assert size["MinSpareServers"] < size["MaxSpareServers"]
        else:
            assert size["ThreadsPerChild"] <= size["ThreadLimit"]
            assert size["MaxRequestWorkers"] == size["ServerLimit"] * size["ThreadsPerChild"]
            assert size["MaxSpareThreads"] >= size["MinSpareThreads"] + size["ThreadsPerChild"]


def test_embedded_is_exact() -> None:
    assert embedded("worker", 2, 8).clients == 16
    assert embedded("prefork", 2, 8).clients == 16


def test_python_gets_a_whole_stack() -> None:
    assert "ThreadStackSize" in dict(for_daemons("event", 1, 1).directives)
    assert "ThreadStackSize" not in dict(embedded("event", 1, 1).directives)


@pytest.mark.parametrize("clients", [None, 20, 64, 250, 2000])
@pytest.mark.parametrize("processes", [1, 2, 6])
def test_connections(processes, clients):
    """Far more connections than threads, but no more than there are descriptors for, two for each."""
    made = dict(for_daemons("event", processes, 1, max_clients=clients).directives)
    factor, threads = made["AsyncRequestWorkerFactor"], made["ThreadsPerChild"]
    connections, channels = threads * (factor + 1), threads * processes
    assert 700 < 2 * connections + channels <= 896
    assert "AsyncRequestWorkerFactor" not in dict(for_daemons("worker", 1, 5).directives)
