"""One option is one row: flag, variable, key, help, docs row and type all derive from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mod_pywsgi.types import FLAG, Kind

T = TypeVar("T")
E = TypeVar("E")

Words = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Option(Generic[T]):
    """A row of the table. Use :func:`one`, :func:`many` and :func:`flag` to make one.

    :param name: as on the command line, without the dashes.
    :param default: the value when no source gives one; None means "not given".
    :param load: from all occurrences to the value; raises ValueError.
    :param metavar: names of the words of one occurrence, none for a flag.
    :param repeats: whether several occurrences add up; otherwise the last one wins.
    :param default_note: how the docs describe a default that is worked out at start.
    """

    name: str
    default: T
    section: str
    help: str
    load: Callable[[Sequence[Words]], T]
    metavar: tuple[str, ...]
    repeats: bool = False
    default_note: str = ""

    @property
    def flag(self) -> str:
        """As typed on the command line."""
        return f"--{self.name}"

    @property
    def key(self) -> str:
        """The Python identifier, and the key in a settings file."""
        return self.name.replace("-", "_")

    @property
    def env(self) -> str:
        """The environment variable."""
        return f"PYWSGI_{self.key.upper()}"

    @property
    def is_flag(self) -> bool:
        return not self.metavar


def one(
    name: str,
    kind: Kind[T],
    default: T,
    help: str,
    *,
    section: str,
    default_note: str = "",
) -> Option[T]:
    """An option with one value, of which the last occurrence wins."""
    return Option(
        name=name,
        default=default,
        section=section,
        help=help,
        load=lambda occurrences: kind.parse(occurrences[-1]),
        metavar=kind.metavar,
        default_note=default_note,
    )


def maybe(
    name: str, kind: Kind[T], help: str, *, section: str, default_note: str = ""
) -> Option[T | None]:
    """An option with one value that may be absent."""
    return Option(
        name=name,
        default=None,
        section=section,
        help=help,
        load=lambda occurrences: kind.parse(occurrences[-1]),
        metavar=kind.metavar,
        default_note=default_note,
    )


def many(
    name: str, kind: Kind[E], help: str, *, section: str, default_note: str = ""
) -> Option[tuple[E, ...]]:
    """An option that may be given several times; the values add up in order."""
    return Option(
        name=name,
        default=(),
        section=section,
        help=help,
        load=lambda occurrences: tuple(kind.parse(words) for words in occurrences),
        metavar=kind.metavar,
        repeats=True,
        default_note=default_note,
    )


def flag(name: str, help: str, *, section: str) -> Option[bool]:
    """An option that is either on or off."""
    return Option(
        name=name,
        default=False,
        section=section,
        help=help,
        load=lambda occurrences: FLAG.parse(occurrences[-1]),
        metavar=(),
    )
