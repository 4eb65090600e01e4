"""Section 6.2: what mod_wsgi 6.0.5 loses without a word, and the tests that show it is not lost here."""

from __future__ import annotations

import pytest

from integration.test_truncation import ENDS, FRAMINGS
from support import shown

# Scenario -> the tests in which the client notices.
LOSSES = {
    "streams, then raises": ["integration/test_truncation.py::test_cut_response"],
    "killed in mid response, chunked": ["integration/test_truncation.py::test_cut_response"],
    "killed in mid response, with a length": ["integration/test_truncation.py::test_cut_response"],
    "echoes while it reads": [
        "integration/test_duplex.py::test_echo_100_megabytes",
        "integration/test_duplex.py::test_echo_in_small_steps",
        "daemon/test_exchange.py::test_echo_moves_both_ways_at_once",
    ],
    "body shorter than its length": [
        "integration/test_truncation.py::test_short_body",
        "integration/test_response.py::test_body_short_of_its_length_is_seen",
    ],
}


@pytest.mark.parametrize("scenario", LOSSES)
def test_shown_elsewhere(scenario):
    assert shown.missing(LOSSES[scenario]) == []


def test_the_cut_responses_are_those_of_the_section():
    assert {"exception", "kill"} <= ENDS.keys()
    assert FRAMINGS.keys() == {"chunked", "length"}
