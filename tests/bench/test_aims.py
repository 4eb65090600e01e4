"""The table of aims, and how a run is judged by it."""

from bench import aims, scenarios
from bench.aims import Aim
from bench.campaigns import CAMPAIGNS
from bench.servers import SERVERS


def document(**rates):
    """One cell with servers of these rates, None for one that was not measured; and a campaign."""
    servers = [
        {
            "name": name,
            "problem": "" if rate else "FAILED: no\nlog",
            "rate": rate or 0.0,
            "failed": 0,
        }
        for name, rate in rates.items()
    ]
    cell = {"scenario": "hello", "threads": 8, "connections": 16, "servers": servers}
    rows = [
        {"server": "ours", "problem": "", "connections": level, "rate": rate, "failed": failed}
        for level, rate, failed in ((100, 50.0, 0), (1000, 40.0, 2))
    ]
    return {"cells": [cell], "campaigns": [{"campaign": "sweep", "rows": rows}]}


def aim(**changes) -> Aim:
    row = {
        "title": "hello",
        "of": {"scenario": "hello", "threads": 8, "server": "ours"},
        "measure": "rate",
        "against": {"server": "theirs"},
        "than": "theirs",
        "at_least": 4,
    }
    return Aim(**{**row, **changes})


def judged(wanted: Aim, **rates) -> aims.Verdict:
    [verdict] = aims.judge([wanted], document(**rates))
    return verdict


def test_the_file_has_whole_aims():
    for each in aims.read():
        assert (each.at_least is None) != (each.at_most is None)
        assert ("scenario" in each.of) != ("campaign" in each.of)
        assert "server" in each.of
        assert each.title
        assert each.than


def test_aims_are_about_what_is_measured():
    named = {kind.name: {server.name for server in kind.servers} for kind in CAMPAIGNS}
    usual = {kind.name for kind in SERVERS if not kind.is_optional}
    known = {scenario.name for scenario in scenarios.read()}
    for each in aims.read():
        servers = {each.of["server"], (each.against or {}).get("server", each.of["server"])}
        if "campaign" in each.of:
            assert servers <= named[each.of["campaign"]]
        else:
            assert servers <= usual
            assert each.of["scenario"] in known


def test_a_factor_of_a_yardstick_is_reached_or_not():
    reached = judged(aim(), ours=400.0, theirs=100.0)
    assert (reached.value, reached.is_reached) == (4, True)
    assert (reached.wanted, reached.measured, reached.reached) == ("≥ 4 × theirs", "4.00 ×", "yes")
    missed = judged(aim(), ours=399.0, theirs=100.0)
    assert (missed.is_reached, missed.reached) == (False, "NO")


def test_at_most_turns_it_round():
    wanted = aim(at_least=None, at_most=1.3)
    assert judged(wanted, ours=129.0, theirs=100.0).is_reached
    assert not judged(wanted, ours=131.0, theirs=100.0).is_reached
    assert wanted.wanted == "≤ 1.3 × theirs"


def test_what_was_not_measured_says_why():
    gone = judged(aim(), ours=400.0, theirs=None)
    assert (gone.value, gone.is_reached, gone.measured) == (None, None, "-")
    assert gone.reached == "theirs: FAILED: no"
    assert judged(aim(), ours=400.0).reached == "not in this run"
    assert "has no p1_us" in judged(aim(measure="p1_us"), ours=1.0, theirs=1.0).reached


def test_the_rows_of_a_campaign_are_compared_with_each_other():
    of = {"campaign": "sweep", "server": "ours"}
    level = aim(of={**of, "connections": 1000}, against={"connections": 100}, at_least=0.75)
    assert judged(level).value == 0.8


def test_without_a_yardstick_the_worst_of_all_that_is_meant_counts():
    of = {"campaign": "sweep", "server": "ours"}
    failed = aim(of=of, measure="failed", against=None, than="failed", at_least=None, at_most=0)
    verdict = judged(failed)
    assert (verdict.value, verdict.is_reached) == (2, False)
    assert (verdict.wanted, verdict.measured) == ("≤ 0 failed", "2")
    assert judged(aim(of=of, against=None, at_least=41)).value == 40


def test_a_yardstick_of_nothing_is_none():
    known = aim(of={"campaign": "sweep", "server": "ours", "connections": 1000}, measure="failed")
    verdict = judged(Aim(**{**vars(known), "against": {"connections": 100}}))
    assert verdict.reached == "the yardstick is 0"
