"""The aims of the design, read from aims.toml and judged by the document of a run. Pure, but for `read`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Python 3.10
    from pip._vendor import tomli as tomllib  # type: ignore[no-redef]

FILE = Path(__file__).with_name("aims.toml")
Point = Mapping[str, Any]


@dataclass(frozen=True)
class Aim:
    """A measure of ours, and what it must be: a factor of a yardstick, or a number where there is none."""

    title: str
    of: Point  # what to look for among the points of the run: all that have these values
    measure: str
    than: str  # the yardstick in words, or the unit
    against: Point | None = None  # the yardstick: as `of`, with these values in their place
    at_least: float | None = None
    at_most: float | None = None

    @property
    def wanted(self) -> str:
        bound, sign = (self.at_most, "≤") if self.at_least is None else (self.at_least, "≥")
        return f"{sign} {bound:g} {'× ' if self.against is not None else ''}{self.than}"


@dataclass(frozen=True)
class Verdict:
    """An aim and what became of it."""

    title: str
    wanted: str
    value: float | None  # a factor of the yardstick, where there is one
    bound: float
    is_factor: bool
    is_reached: bool | None  # None: not measured, and `why`
    why: str = ""

    @property
    def measured(self) -> str:
        if self.value is None:
            return "-"
        return f"{self.value:.2f} ×" if self.is_factor else f"{self.value:,.0f}"

    @property
    def reached(self) -> str:
        if self.is_reached is None:
            return self.why
        return "yes" if self.is_reached else "NO"


class NotMeasured(Exception):
    """There is no such value in this run; the message says why."""


def read(path: Path = FILE) -> list[Aim]:
    with path.open("rb") as file:
        return [Aim(**row) for row in tomllib.load(file)["aim"]]


def points(document: Mapping[str, Any]) -> list[Point]:
    """All that a run has measured, flat: the rows of cells know their cell, those of campaigns theirs."""
    found: list[Point] = []
    for cell in document["cells"]:
        place = {key: cell[key] for key in ("scenario", "threads", "connections")}
        found += [{**place, **row, "server": row["name"]} for row in cell["servers"]]
    for campaign in document["campaigns"]:
        found += [{"campaign": campaign["campaign"], **row} for row in campaign["rows"]]
    return found


def judge(aims: Sequence[Aim], document: Mapping[str, Any]) -> list[Verdict]:
    known = points(document)
    return [_verdict(aim, known) for aim in aims]


def _verdict(aim: Aim, known: Sequence[Point]) -> Verdict:
    bound = aim.at_most if aim.at_least is None else aim.at_least
    assert bound is not None
    is_factor = aim.against is not None
    try:
        value = _value(aim, known)
    except NotMeasured as error:
        return Verdict(aim.title, aim.wanted, None, bound, is_factor, None, str(error))
    is_reached = value <= bound if aim.at_least is None else value >= bound
    return Verdict(aim.title, aim.wanted, value, bound, is_factor, is_reached)


def _value(aim: Aim, known: Sequence[Point]) -> float:
    """Of several points that an aim means, the worst counts."""
    worst = max if aim.at_least is None else min
    value = worst(_values(aim.of, aim.measure, known))
    if aim.against is None:
        return value
    yardstick = worst(_values({**aim.of, **aim.against}, aim.measure, known))
    if not yardstick:
        raise NotMeasured("the yardstick is 0")
    return value / yardstick


def _values(wanted: Point, measure: str, known: Sequence[Point]) -> list[float]:
    found = [point for point in known if all(point.get(k) == v for k, v in wanted.items())]
    if not found:
        raise NotMeasured("not in this run")
    for point in found:
        if point["problem"]:
            raise NotMeasured(f"{point['server']}: {point['problem'].partition(chr(10))[0]}")
        if point.get(measure) is None:
            raise NotMeasured(f"{point['server']} has no {measure}")
    return [float(point[measure]) for point in found]
