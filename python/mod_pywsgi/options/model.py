"""One option is one row: flag, variable, key, help, docs row and type all derive from it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mod_pywsgi.types import FLAG, Kind

T = TypeVar("T")
E = TypeVar("E")

Words = tuple[str, ...]

# What a source says: for each option's name the words of each occurrence.
Layer = Mapping[str, Sequence[Words]]

# Names of words that are paths: relative to a settings file where they stand in one, and completed
# by a shell as what they are.
PATHS = frozenset({"FILE", "DIRECTORY", "PATH"})


@dataclass(frozen=True, eq=False)
class Option(Generic[T]):
    """A row of the table. Use :func:`one`, :func:`many` and :func:`flag` to make one.

    :param name: as on the command line, without the dashes.
    :param default: the value when no source gives one; None means "not given".
    :param load: from all occurrences to the value; raises ValueError.
    :param metavar: names of the words of one occurrence, none for a flag.
    :param repeats: whether several occurrences add up; otherwise the last one wins.
    :param default_note: how the docs describe a default that is worked out at start.
    :param aliases: other names for it on the command line, without the dashes.
    :param separator: of several values in an environment variable.
    :param hidden: neither help nor docs show it: kept for those who know it.
    """

    name: str
    default: T
    section: str
    help: str
    load: Callable[[Sequence[Words]], T]
    metavar: tuple[str, ...]
    repeats: bool = False
    default_note: str = ""
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    separator: str = os.pathsep

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

    @property
    def default_text(self) -> str:
        """The default as a person reads it."""
        if self.default_note:
            return self.default_note.replace("`", "")
        if self.is_flag:
            return "off"
        return "none" if self.default is None or self.default == () else str(self.default)

    @property
    def paths(self) -> tuple[bool, ...]:
        """Which words of an occurrence are paths."""
        return tuple(name in PATHS for name in self.metavar)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it can be, where these are few."""
        is_choice = len(self.metavar) == 1 and "|" in self.metavar[0]
        return tuple(self.metavar[0].split("|")) if is_choice else ()

    @property
    def off_flag(self) -> str | None:
        """What switches off a flag that is on by itself."""
        return f"--no-{self.name}" if self.is_flag and self.default is True else None

    @property
    def flags(self) -> tuple[str, ...]:
        """Everything that the command line takes for it."""
        return tuple(f"--{name}" for name in (self.name, *self.aliases))


def one(
    name: str,
    kind: Kind[T],
    default: T,
    help: str,
    *,
    section: str,
    default_note: str = "",
    aliases: tuple[str, ...] = (),
    hidden: bool = False,
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
        aliases=aliases,
        hidden=hidden,
    )


def maybe(
    name: str,
    kind: Kind[T],
    help: str,
    *,
    section: str,
    default_note: str = "",
    aliases: tuple[str, ...] = (),
    hidden: bool = False,
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
        aliases=aliases,
        hidden=hidden,
    )


def many(
    name: str,
    kind: Kind[E],
    help: str,
    *,
    section: str,
    default_note: str = "",
    aliases: tuple[str, ...] = (),
    hidden: bool = False,
    separator: str = os.pathsep,
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
        aliases=aliases,
        hidden=hidden,
        separator=separator,
    )


def flag(
    name: str,
    help: str,
    *,
    section: str,
    default: bool = False,
    aliases: tuple[str, ...] = (),
    hidden: bool = False,
) -> Option[bool]:
    """An option that is either on or off; one that is on by itself has a flag for off, too."""
    return Option(
        name=name,
        default=default,
        section=section,
        help=help,
        load=lambda occurrences: FLAG.parse(occurrences[-1]),
        metavar=(),
        aliases=aliases,
        hidden=hidden,
    )
