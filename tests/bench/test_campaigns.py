"""The table of campaigns, what they share, and how they are shown."""

import pytest

from bench import chart, report
from bench.campaigns import CAMPAIGNS, base, slow
from bench.campaigns.base import Campaign, Chart, Column, Found
from bench.load import LoadFailed
from bench.rounds import Pace
from bench.servers import SERVERS

BY_NAME = {kind.name: kind for kind in SERVERS}
OURS, THEIRS = BY_NAME["pywsgi-daemon"], BY_NAME["mod_wsgi-daemon"]
PACE = Pace(rounds=3, seconds=4)


class Sweep(Campaign):
    name = "sweep"
    title = "a sweep"
    columns = (Column("level", "level"), Column("rate", "requests/s"), Column("note", "note"))
    chart = Chart(("rate",), across="level")
    servers = (OURS, THEIRS)

    def seconds(self, pace):
        return 60.0

    def run(self, around, pace, say):
        return [
            base.row(OURS, level=1000, rate=1234.5, note="well", failed=0),
            base.missing(THEIRS, "not installed\na log line", level=1000),
        ]


class Server:
    """What `interleaved` needs of one."""

    def __init__(self, rates):
        self.rates = iter(rates)

    def check_alive(self):
        pass


def take(server):
    rate = next(server.rates)
    if rate is None:
        raise LoadFailed("wrk gave up")
    return {"rate": rate, "failed": 1, "kind": "PSS"}


def test_every_campaign_is_whole():
    names = [kind.name for kind in CAMPAIGNS]
    assert len(names) == len(set(names))
    for kind in CAMPAIGNS:
        keys = {column.key for column in kind.columns}
        drawn = kind.chart or Chart(())
        assert {*drawn.values, *filter(None, [drawn.across])} <= keys
        assert 0 < kind().seconds(Pace(2, 2, is_quick=True)) <= kind().seconds(PACE)


def test_the_servers_of_a_campaign_can_be_chosen():
    campaign = Sweep()
    campaign.choose(["mod_wsgi-daemon", "floor"])
    assert campaign.servers == [THEIRS]
    assert Sweep().servers == (OURS, THEIRS)


def test_servers_take_turns_and_the_medians_count():
    order = []
    running = {"a": Server([10, 30, 20]), "b": Server([5, 5, 8])}

    def noted(server):
        order.append(server)
        return take(server)

    found = base.interleaved(running, 3, noted, lambda text: None)
    assert order == [running["a"], running["b"]] * 3
    assert found["a"] == {"rate": 20, "failed": 3, "kind": "PSS"}
    assert found["b"]["rate"] == 5


def test_one_that_fails_does_not_hold_up_the_others():
    said = []
    running = {"a": Server([10, None]), "b": Server([1, 2, 3])}
    found = base.interleaved(running, 3, take, said.append)
    assert found["a"] == {"problem": "FAILED: wrk gave up"}
    assert found["b"]["rate"] == 2
    assert said == ["  a: FAILED: wrk gave up"]


def test_a_campaign_that_stumbles_is_reported_and_ends_alone():
    class Stumbling(Sweep):
        def run(self, around, pace, say):
            raise OSError("no more descriptors")

    found = base.conduct(Stumbling(), None, PACE, lambda text: None)
    assert "no more descriptors" in report.campaign_table(found)
    assert report.complaints([], [found]) == ["a sweep: FAILED: OSError: no more descriptors"]


def test_the_table_has_the_columns_and_names_what_is_missing():
    lines = report.campaign_table(Found(Sweep(), Sweep().run(None, PACE, print))).splitlines()
    assert lines[0] == "a sweep"
    assert lines[2].split() == ["mod_pywsgi", "daemon", "1,000", "1,234", "well"]
    assert lines[3] == "  mod_wsgi daemon NOT MEASURED: not installed"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (base.row(OURS, failed=0), []),
        (base.row(OURS, failed=3), ["a sweep: mod_pywsgi daemon failed 3 requests"]),
        (base.row(THEIRS, failed=3), []),
        (base.missing(THEIRS, "gone"), []),
        (base.missing(OURS, "gone\nlog"), ["a sweep: mod_pywsgi daemon was not measured: gone"]),
    ],
)
def test_what_ours_failed_is_a_complaint(row, complaint):
    assert report.complaints([], [Found(Sweep(), [row])]) == complaint


def test_the_document_has_its_rows_and_is_drawn(tmp_path):
    found = Found(Sweep(), Sweep().run(None, PACE, print))
    about = {"commit": "c", "date": "d", "machine": "m"}
    document = report.document([], about, [found])
    report.write(tmp_path / "bench.json", document)
    assert report.read(tmp_path / "bench.json") == document
    assert document["campaigns"][0]["rows"] == found.rows
    if not chart.why_missing():
        assert chart.draw(document, tmp_path / "bench") == [tmp_path / "sweep.png"]
        assert (tmp_path / "sweep.png").stat().st_size > 1000


def test_numbers_that_are_missing_now_and_then_count_where_they_are():
    samples = [{"p99": None, "b_failed": 2}, {"p99": 5.0, "b_failed": 1}]
    assert base.medians(samples) == {"p99": 5.0, "b_failed": 3}
    assert base.medians([{"p99": None}]) == {"p99": None}


def test_a_sample_of_slow_clients_is_two_rows():
    alone, beside = slow.split({"problem": "", "a_rate": 100.0, "b_rate": 90.0})
    assert alone == {"rate": 100.0, "beside": "alone", "share": 1.0}
    assert beside == {"rate": 90.0, "beside": "beside slow clients", "share": 0.9}
    assert slow.split({"a_rate": 0.0, "b_rate": 0.0})[1]["share"] is None
