"""Section 6.2: what mod_wsgi 6.0.5 loses without a word, and the tests that show it is not lost here."""

from __future__ import annotations

import pytest

from compat.test_2_7_failures import ENDS, FRAMINGS
from support import shown

# Scenario -> the tests in which the client notices.
LOSSES = {
    "streams, then raises": ["test_cut_response"],
    "killed in mid response, chunked": ["test_cut_response"],
    "killed in mid response, with a length": ["test_cut_response"],
    "echoes while it reads": [
        "test_echo_100_megabytes",
        "test_echo_in_small_steps",
        "test_echo_moves_both_ways_at_once",
    ],
    "body shorter than its length": [
        "test_short_body",
        "test_body_short_of_its_length_is_seen",
    ],
}


@pytest.mark.parametrize("scenario", LOSSES)
def test_shown_elsewhere(scenario):
    assert shown.missing(LOSSES[scenario]) == []


def test_the_cut_responses_are_those_of_the_section():
    assert {"exception", "kill"} <= ENDS.keys()
    assert FRAMINGS.keys() == {"chunked", "length"}
