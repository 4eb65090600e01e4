"""What clients see while processes are replaced: whole answers, the old ones until new ones come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from . import wait

T = TypeVar("T")

IN_A_ROW = 10
TIMEOUT = 30.0


def until_new(
    ask: Callable[[], T],
    is_old: Callable[[T], bool],
    is_new: Callable[[T], bool],
    processes: int = 1,
) -> T:
    """Ask until new answers alone come, and return one; every other answer has to be an old one.

    With one process no old answer follows a new one; with more, the roll ends some time.
    """

    def look() -> list[T]:
        answer = ask()
        assert is_old(answer) or is_new(answer), f"neither old nor new: {answer!r}"
        return [answer] if is_new(answer) else []

    def look_often() -> list[T]:
        return [found for _ in range(IN_A_ROW) for found in look()]

    [first] = wait.until(look, "a new answer", TIMEOUT)
    if processes == 1:
        assert len(look_often()) == IN_A_ROW, "an old answer came after a new one"
    else:
        wait.until(lambda: len(look_often()) == IN_A_ROW, "no old answers any more", TIMEOUT)
    return first


def until_equal(ask: Callable[[], T], old: T, new: T, processes: int = 1) -> None:
    """`until_new` for answers that are known."""
    until_new(ask, lambda answer: answer == old, lambda answer: answer == new, processes)
