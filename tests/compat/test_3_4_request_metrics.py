"""compat 3.4: request_metrics()."""

from __future__ import annotations

import pytest

from support import inline
from support.places import PLACES, SETTLE, ask, server_at

TIMES = (
    *("server_time", "queue_time", "daemon_time", "application_time", "request_time"),
    *("gil_wait_time", "input_read_time", "output_write_time"),
)
KEYS = {
    *("pid", "start_time", "stop_time", "sample_period", "request_count", "request_throughput"),
    *("status_1xx", "status_2xx", "status_3xx", "status_4xx", "status_5xx"),
    *("input_bytes", "input_reads", "output_bytes", "output_writes"),
    *("request_threads_maximum", "request_threads_started", "request_threads_active"),
    *("capacity_utilization", "request_threads_completed", "request_threads_buckets"),
    *("request_threads_busy_time", "request_threads_cpu_time"),
    *("request_threads_current_elapsed", "request_threads_max_duration"),
    *(name + end for name in TIMES for end in ("", "_min_us", "_max_us", "_buckets")),
    *("gil_wait_count", "cpu_user_utilization", "cpu_system_utilization", "cpu_utilization"),
    *("cpu_user_time", "cpu_system_time", "cpu_time", "memory_rss", "memory_max_rss"),
}

METRICS = SETTLE + "result = mod_wsgi.request_metrics()"


@pytest.fixture(params=PLACES)
def server(servers, request):
    """Nothing but what the test does has happened since the interval began."""
    server = server_at(servers, request.param)
    ask(server, "mod_wsgi.start_recording_metrics()")
    ask(server, METRICS)
    return server


def test_keys(server):
    metrics = ask(server, METRICS)
    assert set(metrics) == KEYS
    assert metrics["pid"] in server.descendants()


def test_interval_since_the_call_before(server):
    first = ask(server, METRICS)
    second = ask(server, METRICS)
    assert first["stop_time"] == pytest.approx(second["start_time"], abs=0.001)
    for metrics in (first, second):
        period = metrics["stop_time"] - metrics["start_time"]
        assert metrics["sample_period"] == pytest.approx(period, abs=0.05)


def test_volume(server):
    for _ in range(3):
        code = """
environ["wsgi.input"].read()
start_response("200 OK", [])
return iter([b"x" * 1000, b"y" * 500])
"""
        assert inline.run(server, code, "POST", body=b"z" * 2000).status == 200
    for status in ("301 There", "404 No", "503 Later"):
        inline.run(server, f"start_response({status!r}, [])\nreturn []")
    metrics = ask(server, METRICS)
    # The request that asked last is one of them; the one that asks now is not over.
    assert metrics["request_count"] == 7
    assert metrics["request_throughput"] == pytest.approx(7 / metrics["sample_period"])
    assert [metrics[f"status_{i}xx"] for i in range(1, 6)] == [0, 4, 1, 1, 1]
    assert metrics["input_bytes"] == 6000
    assert metrics["input_reads"] >= 3
    assert metrics["output_bytes"] > 4500
    assert metrics["output_writes"] >= 7


def test_times(server):
    code = "time.sleep(0.05)\nstart_response('200 OK', [])\nreturn [b'x']"
    for _ in range(4):
        inline.run(server, code)
    metrics = ask(server, METRICS)
    for name in TIMES:
        if metrics[name] is None:
            assert name in ("queue_time", "daemon_time")
            assert metrics[name + "_min_us"] is metrics[name + "_max_us"] is None
            assert not any(metrics[name + "_buckets"])
            continue
        assert metrics[name + "_min_us"] <= metrics[name] * 1e6 + 1
        assert metrics[name] * 1e6 <= metrics[name + "_max_us"] + 1
        assert len(metrics[name + "_buckets"]) == 65
        assert sum(metrics[name + "_buckets"]) == metrics["request_count"] == 5
    # Four took 50 ms, one hardly any time: buckets of 48 to 56 ms and so on.
    assert metrics["application_time_max_us"] >= 50000
    assert sum(metrics["application_time_buckets"][22:]) == 4
    assert metrics["application_time"] >= 0.04


def test_queue_and_daemon_times_are_of_daemons_only(servers):
    for mode in ("embedded", "daemon"):
        server = server_at(servers, f"{mode} main")
        ask(server, "mod_wsgi.start_recording_metrics()")
        metrics = ask(server, METRICS)
        assert (metrics["queue_time"] is None) == (mode == "embedded")
        assert (metrics["daemon_time"] is None) == (mode == "embedded")
        assert metrics["server_time"] is not None


def test_extremes_begin_anew(server):
    inline.run(server, "time.sleep(0.1)\nstart_response('200 OK', [])\nreturn []")
    assert ask(server, METRICS)["application_time_max_us"] >= 100000
    metrics = ask(server, METRICS)
    assert metrics["application_time_max_us"] < 100000
    assert metrics["request_count"] == 1


def test_threads(server):
    metrics = ask(server, METRICS)
    started = metrics["request_threads_started"]
    assert 1 <= started <= metrics["request_threads_maximum"]
    assert metrics["request_threads_active"] == 1, "the one that asks"
    for name in (
        "completed",
        "buckets",
        "busy_time",
        "cpu_time",
        "current_elapsed",
        "max_duration",
    ):
        assert len(metrics["request_threads_" + name]) == started
    assert sum(metrics["request_threads_completed"]) == metrics["request_count"]
    assert metrics["request_threads_completed"] == metrics["request_threads_buckets"]
    assert sum(elapsed > 0 for elapsed in metrics["request_threads_current_elapsed"]) == 1


def test_utilization(server):
    """A request that computes all the time: one of the threads is busy, and a core with it."""
    code = """
mod_wsgi.request_metrics()
end = time.monotonic() + 0.3
while time.monotonic() < end:
    pass
result = mod_wsgi.request_metrics()
"""
    metrics = ask(server, code)
    share = 1 / metrics["request_threads_maximum"]
    assert metrics["capacity_utilization"] == pytest.approx(share, rel=0.2)
    assert sum(metrics["request_threads_busy_time"]) == pytest.approx(
        metrics["sample_period"], rel=0.2
    )
    assert 0 < metrics["cpu_utilization"] < 4
    assert metrics["cpu_utilization"] == metrics["cpu_time"]
    assert metrics["cpu_user_utilization"] == metrics["cpu_user_time"]
    assert metrics["cpu_system_utilization"] == metrics["cpu_system_time"]


def test_memory(server):
    metrics = ask(server, METRICS)
    assert 1 << 20 < metrics["memory_rss"] <= metrics["memory_max_rss"] + (1 << 20)


@pytest.mark.parametrize("mode", ["embedded", "daemon"])
def test_interpreters_read_for_themselves(start, mode):
    """What one has read, the other has not."""
    server = start(
        "<Location /inline>\nWSGIApplicationGroup %{ENV:GROUP}\n</Location>\n"
        "SetEnvIf X-Group (.*) GROUP=$1\n",
        mode=mode,
    )

    def run(group, code):
        source = f"import mod_wsgi\n{code}\nstart_response('200 OK', [])\n"
        source += "return [json.dumps(value).encode()]"
        return inline.run(server, source, headers=[("X-Group", group)]).json()

    def read(group):
        return run(group, SETTLE + "value = mod_wsgi.request_metrics()['request_count']")

    for group in ("one", "two"):
        run(group, "value = mod_wsgi.start_recording_metrics()")
        read(group)
    for _ in range(3):
        server.get("/hello")
    assert read("one") == 6  # with the one that read for "one" before, and two for "two"
    assert read("one") == 1
    assert read("two") == 6
    assert read("one") == 2
