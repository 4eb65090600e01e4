"""What is known of one name of mod_wsgi."""

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What becomes of a name. The value is the word on the page."""

    SAME = "same"
    BETTER = "better"
    DIFFERS = "differs"
    REFUSED = "refused"


@dataclass(frozen=True)
class Number:
    """A whole number, written in digits and nothing else.

    :param low: the smallest one; ``zero``: 0 is allowed too.
    """

    low: int = 0
    high: int | None = None
    zero: bool = False
    base: int = 10


@dataclass(frozen=True)
class Fact:
    """One row.

    :param text: how it is better or different, or why it is refused and what to write instead.
    :param number: the value is one.
    :param is_path: the value is an absolute path.
    """

    name: str
    verdict: Verdict
    text: str = ""
    number: Number | None = None
    is_path: bool = False


@dataclass(frozen=True)
class Section:
    """A table of the page. ``column`` heads the names."""

    title: str
    column: str
    facts: tuple[Fact, ...]


def same(name: str, text: str = "", *, number: Number | None = None, path: bool = False) -> Fact:
    """A name that means what it meant; a text only adds to that."""
    return Fact(name, Verdict.SAME, text, number, path)


def better(name: str, how: str, *, number: Number | None = None, path: bool = False) -> Fact:
    """A name that means what it meant, and something works that did not."""
    return Fact(name, Verdict.BETTER, how, number, path)


def differs(name: str, how: str, *, number: Number | None = None, path: bool = False) -> Fact:
    """A name that means something else in a way that somebody may notice."""
    return Fact(name, Verdict.DIFFERS, how, number, path)


def refused(name: str, why: str) -> Fact:
    """A name that stops Apache with a sentence. ``why`` says what to write instead."""
    return Fact(name, Verdict.REFUSED, why)
