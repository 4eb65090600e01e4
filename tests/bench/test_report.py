"""Medians, ratios and the table."""

import json

import pytest

from bench import report
from bench.rounds import Entry, Result, Sample, taking_part
from bench.scenarios import Cell, cells, read
from bench.servers import SERVERS

BY_NAME = {kind.name: kind for kind in SERVERS}
CELL = Cell(read()[0], 8, 16)


def sample(rate=100.0, cpu_us=50.0, failed=0, client_cpu=0.5) -> Sample:
    errors = {"read": failed} if failed else {}
    return Sample(rate, 800.0, 9000.0, cpu_us, 20 << 20, "PSS", 500, failed, errors, client_cpu)


def result(**servers) -> Result:
    """servers: name with _ for -, to samples or a problem."""
    entries = []
    for name, found in servers.items():
        kind = BY_NAME[NAMES[name]]
        entries.append(Entry(kind, found) if isinstance(found, str) else Entry(kind, "", found))
    return Result(CELL, entries)


NAMES = {
    "ours": "pywsgi-daemon",
    "embedded": "pywsgi-embedded",
    "theirs": "mod_wsgi-daemon",
    "their_embedded": "mod_wsgi-embedded",
    "uwsgi": "uwsgi",
}


def test_medians_and_spread():
    [row] = report.rows(result(theirs=[sample(100), sample(140), sample(120)]))
    assert row.rate == 120
    assert row.spread == pytest.approx(40 / 120)
    assert row.cpu_us == 50


def test_ratios_are_against_mod_wsgi_in_the_same_mode():
    found = report.rows(
        result(
            ours=[sample(400, cpu_us=25)],
            theirs=[sample(100)],
            uwsgi=[sample(300)],
            embedded=[sample(900)],
            their_embedded=[sample(300)],
        )
    )
    assert [row.ratio for row in found] == [4, 1, 3, 3, 1]
    assert found[0].cpu_ratio == 0.5


def test_without_the_yardstick_there_is_no_ratio():
    [ours, theirs] = report.rows(result(ours=[sample(400)], theirs="mod_wsgi is not installed"))
    assert ours.ratio is None
    assert theirs.problem == "mod_wsgi is not installed"


def test_the_table_names_what_is_missing():
    text = report.table(result(ours=[sample(1234567)], theirs="not installed\n    a log line"))
    assert "hello: 12 bytes, 8 threads, 16 connections" in text
    assert "1,234,567" in text
    assert "mod_wsgi daemon NOT MEASURED: not installed" in text
    assert "a log line" not in text


def test_the_table_counts_failures_and_marks_a_busy_client():
    text = report.table(result(ours=[sample(failed=2), sample(failed=3)], theirs=[sample()]))
    assert "mod_pywsgi daemon: failed requests: 5 read" in text
    assert "*" not in text
    assert "100*" in report.table(result(ours=[sample(client_cpu=0.97)]))


def test_the_columns_stand_below_each_other():
    lines = report.table(result(ours=[sample(5)], theirs=[sample(123456)])).splitlines()[1:]
    assert len({len(line) for line in lines}) == 1


def test_ours_missing_or_failing_is_a_complaint_and_slowness_is_not():
    assert report.complaints([result(ours=[sample(1)], theirs=[sample(1000)])]) == []
    assert report.complaints([result(ours=[sample()], theirs="missing")]) == []
    [one] = report.complaints([result(ours="did not start\n  log", theirs=[sample()])])
    assert one.endswith("was not measured: did not start")
    [one] = report.complaints([result(ours=[sample(failed=1)])])
    assert "1 read" in one


def test_the_document_is_json_with_every_sample(tmp_path):
    found = report.document([result(ours=[sample(), sample()], theirs="gone")], {"date": "today"})
    report.write(tmp_path / "deep" / "bench.json", found)
    read_back = json.loads((tmp_path / "deep" / "bench.json").read_text())
    assert read_back == found
    [cell] = read_back["cells"]
    assert (cell["scenario"], cell["threads"], cell["connections"]) == ("hello", 8, 16)
    assert [len(server["samples"]) for server in cell["servers"]] == [2, 0]


def test_the_summary_has_a_line_a_cell():
    text = report.summary([result(ours=[sample(320)], theirs=[sample(100)])])
    assert "mod_pywsgi daemon 3.2 × (CPU 1.00 ×)" in text
    assert report.summary([result(theirs=[sample(100)])]) == ""


@pytest.mark.parametrize(("value", "text"), [(830, "0.83"), (15230, "15.2"), (523000, "523")])
def test_milliseconds(value, text):
    assert report.milliseconds(value) == text


def test_servers_without_threads_are_measured_once():
    hello = [each for each in read() if each.name == "hello"]
    chosen = cells(hello, False)
    with_most = taking_part(Cell(hello[0], 8, 16), chosen, SERVERS)
    with_one = taking_part(Cell(hello[0], 1, 16), chosen, SERVERS)
    usual = [kind for kind in SERVERS if kind.serves(hello[0])]
    assert usual == with_most
    assert {kind.name for kind in with_most} - {kind.name for kind in with_one} == {
        "pywsgi-embedded",
        "mod_wsgi-embedded",
        "bjoern",
        "floor",
        "static",
    }
    only_one = cells(hello, False, threads=[1])
    assert usual == taking_part(Cell(hello[0], 1, 16), only_one, SERVERS)


def test_several_processes_have_servers_of_their_own():
    (several,) = [each for each in read() if each.name == "processes"]
    names = [kind.name for kind in taking_part(*_cells(several), SERVERS)]
    assert names == ["pywsgi-4-preload", "pywsgi-4", "mod_wsgi-4"]


def _cells(scenario):
    chosen = cells([scenario], False)
    return chosen[0], chosen


def test_names_are_unique_and_yardsticks_exist():
    assert len(BY_NAME) == len(SERVERS)
    for kind in SERVERS:
        assert kind.yardstick in BY_NAME


def test_a_later_run_takes_the_place_of_what_it_measured():
    def cell(scenario, rate):
        return {"scenario": scenario, "threads": 8, "connections": 16, "servers": [], "rate": rate}

    earlier = {
        "about": {"date": "then", "commit": "abc"},
        "cells": [cell("hello", 1), cell("upload", 2)],
        "campaigns": [{"campaign": "life", "rows": []}],
    }
    later = {
        "about": {"date": "now", "commit": "def"},
        "cells": [cell("upload", 3)],
        "campaigns": [{"campaign": "slow", "rows": []}],
    }
    found = report.updated(earlier, later)
    assert [(each["scenario"], each["rate"]) for each in found["cells"]] == [
        ("hello", 1),
        ("upload", 3),
    ]
    assert [each["campaign"] for each in found["campaigns"]] == ["life", "slow"]
    assert found["about"]["date"] == "then"
    assert found["about"]["again"] == "upload, slow now at def"
    assert found["aims"]
    twice = report.updated(found, later)
    assert twice["about"]["again"] == "upload, slow now at def; upload, slow now at def"
