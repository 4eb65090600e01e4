"""The table of scenarios, and what is chosen from it."""

import pytest

from bench import scenarios
from bench.scenarios import Cell, Scenario


def scenario(**changes) -> Scenario:
    row = {
        "name": "hello",
        "title": "hello",
        "app": "hello",
        "path": "/",
        "threads": (1, 8),
        "connections": (16, 256),
        "quick": ((8, 16),),
        "answer": "Hi",
    }
    return Scenario(**{**row, **changes})


def test_every_scenario_of_the_file_has_an_app_and_an_answer():
    for each in scenarios.read():
        assert (scenarios.FILE.parent / "apps" / f"{each.app}.py").exists()
        assert (each.answer is None) != (each.answer_length is None)
        for threads, connections in each.quick:
            assert threads in each.threads
            assert connections in each.connections


def test_the_issues_scenarios_are_there():
    names = [each.name for each in scenarios.read()]
    whole = ["hello", "flask", "generator", "file", "upload"]
    assert names == [*whole, "cpu", "wait", "mixed", "processes"]


def test_all_cells():
    found = [(cell.threads, cell.connections) for cell in scenarios.cells([scenario()], False)]
    assert found == [(8, 16), (8, 256), (1, 16), (1, 256)]


@pytest.mark.parametrize(
    ("quick", "threads", "connections", "expected"),
    [
        (True, (), (), [(8, 16)]),
        (True, (1,), (), []),
        (False, (1,), (), [(1, 16), (1, 256)]),
        (False, (), (256,), [(8, 256), (1, 256)]),
        (False, (8,), (16,), [(8, 16)]),
    ],
)
def test_chosen_cells(quick, threads, connections, expected):
    found = scenarios.cells([scenario()], quick, threads, connections)
    assert [(cell.threads, cell.connections) for cell in found] == expected


def test_an_answer_is_right_or_wrong():
    text, length = scenario(), scenario(answer=None, answer_length=3)
    assert text.wrong(200, b"Hi\n") == ""
    assert "status 500" in text.wrong(500, b"Hi")
    assert "Ho" in text.wrong(200, b"Ho")
    assert length.wrong(200, b"abc") == ""
    assert "2 bytes" in length.wrong(200, b"ab")


def test_a_body_to_upload_makes_it_a_post():
    assert scenario().method == "GET"
    assert scenario(upload=5).method == "POST"


def test_titles_count_in_words():
    assert Cell(scenario(), 1, 16).title == "hello, 1 thread, 16 connections"
    assert Cell(scenario(), 8, 256).title == "hello, 8 threads, 256 connections"
