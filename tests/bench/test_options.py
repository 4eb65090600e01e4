"""What the options choose."""

import pytest

from bench import options, scenarios
from bench.campaigns import CAMPAIGNS
from bench.servers import SERVERS

SCENARIOS = [each.name for each in scenarios.read()]
ALL = [kind.name for kind in CAMPAIGNS]


def parts(*arguments):
    choice = options.chosen(arguments)
    found = dict.fromkeys(cell.scenario.name for cell in choice.cells)
    return list(found), [campaign.name for campaign in choice.campaigns]


def test_without_options_all_scenarios_are_measured():
    assert parts() == (SCENARIOS, [])


def test_all_is_all():
    assert parts("--all") == (SCENARIOS, ALL)


def test_scenarios_alone():
    assert parts("--scenarios", "hello,upload") == (["hello", "upload"], [])


def test_quick_is_passed_on():
    assert options.chosen(["--quick"]).pace.is_quick
    assert not options.chosen([]).pace.is_quick


def test_servers():
    usual = [kind for kind in SERVERS if not kind.is_optional]
    assert options.chosen([]).servers == usual
    assert [kind.name for kind in options.chosen(["--servers", "floor"]).servers] == ["floor"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scenarios", "nonsense"],
        ["--campaigns", "nonsense"],
        ["--servers", "nonsense"],
        ["--threads", "77"],
    ],
)
def test_what_there_is_not_is_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        options.chosen(arguments)
    assert ended.value.code == 2
    assert "no" in capsys.readouterr().err


def test_the_results_of_a_page():
    assert options.chosen([]).pages is None
    assert options.chosen(["--docs"]).pages == options.RESULTS / "bench.json"
    assert str(options.chosen(["--docs", "other.json"]).pages) == "other.json"
