"""Flame graphs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from mod_pywsgi.runtime.debug import flame

A, B, C = (("m.a", "m.py:1"), ("m.b", "m.py:5"), ("n.<c>&", "n.py:9"))
SVG = "{http://www.w3.org/2000/svg}"


def boxes(text: str) -> dict[str, tuple[float, float, float]]:
    """x, y and width by the first line of what the pointer shows."""
    found = {}
    for group in ElementTree.fromstring(text).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None and title.text and rect is not None
        x, y, width = (float(rect.attrib[name]) for name in ("x", "y", "width"))
        found[title.text.splitlines()[0]] = (x, y, width)
    return found


def test_places_and_widths() -> None:
    found = boxes(flame.svg({(A, B): 3.0, (A, C): 1.0}, "title", []))
    assert set(found) == {"all", "m.a", "m.b", "n.<c>&"}
    assert found["all"][2] == found["m.a"][2]
    assert abs(found["m.b"][2] / found["n.<c>&"][2] - 3) < 0.02
    assert found["m.b"][1] == found["n.<c>&"][1] < found["m.a"][1] < found["all"][1]
    assert found["n.<c>&"][0] >= found["m.b"][0] + found["m.b"][2]


def test_what_the_pointer_shows() -> None:
    text = flame.svg({(A, B): 0.003, (A,): 0.001}, "title", ["one", "two"])
    assert "<title>m.b\nm.py:5\n3.0 ms, 75.0%</title>" in text
    assert "one · two" in text


def test_it_needs_nothing_else() -> None:
    text = flame.svg({(A,): 1.0}, "t", [])
    assert "<script" not in text and "href" not in text and "@import" not in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_nothing_to_show() -> None:
    assert boxes(flame.svg({}, "<empty>", [])) == {}


def test_deep_and_odd() -> None:
    deep = tuple((f"f{number}", "") for number in range(3000))
    text = flame.svg({deep: 1.0, (("bad\x00\ud800name", ""),): 1.0}, "t", [])
    assert len(boxes(text)) == 3002


def test_narrow_boxes_are_left_out() -> None:
    assert set(boxes(flame.svg({(A,): 1.0, (B,): 0.0001}, "t", []))) == {"all", "m.a"}
