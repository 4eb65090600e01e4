"""The settings file: which one is read, whether it may be, and what it says.

A file that the user names is read whoever wrote it. One that lies beside the application is found
without being asked for, and what it says decides what this user runs: so only if nobody else could
have written it. Who could have written the application may have written its settings too, but for
root, who does not run the application as himself.
"""

import contextlib
import importlib
import os
import pwd
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import names
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option
from mod_pywsgi.options.model import Layer, Words
from mod_pywsgi.types import is_module_name

OWN = "pywsgi.toml"
PROJECT = "pyproject.toml"
TABLE = "tool.mod_pywsgi"

_HEADER = re.compile(rb"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*[\"']?mod_pywsgi[\"']?[ \t]*[.\]]", re.M)
_LARGEST = 1 << 20  # bytes of a pyproject.toml that is searched for the table
_OTHERS = ((dict, "a table"), (list, "an array"))  # what TOML has beside text and numbers
_MOST_LINKS = 40  # as the kernel follows


# Finding it


def find(entry: str | None, current: Path | None) -> Path | None:
    """The settings file of an application: the first of ``pywsgi.toml`` and a ``pyproject.toml``
    with the table, in the application's directory and then in the current one.

    :param entry: the application as the user named it, if he did.
    :param current: None where that has been removed.
    :raises ConfigError: there is one that another user could change.
    """
    for directory in _places(entry, current):
        for name in (OWN, PROJECT):
            path = directory / name
            # Not Path.is_file(), which raises where it may not look.
            if os.path.isfile(path) and (name == OWN or _has_table(path)):
                require_own(path, entry)
                return path
    return None


def _places(entry: str | None, current: Path | None) -> Iterator[Path]:
    place = os.path.expanduser(entry or "")
    if current is not None:
        place = os.path.join(current, place)
    if entry and os.path.isabs(place) and os.path.exists(place):
        yield Path(os.path.normpath(place if os.path.isdir(place) else os.path.dirname(place)))
    if current is not None:
        yield current


def _has_table(path: Path) -> bool:
    """Whether a file has the table's header. It is searched, not parsed: it may be anybody's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return _HEADER.search(file.read(_LARGEST)) is not None
    except OSError:
        return False


# Whose it is


@dataclass(frozen=True)
class _Trusted:
    """Who may have written what decides what this user runs."""

    owners: frozenset[int]
    groups: frozenset[int]


def _trusted(entry: str | None) -> _Trusted:
    owners, groups = {0, os.geteuid()}, {0, os.getegid()}
    if entry and os.geteuid() != 0:
        with contextlib.suppress(OSError):
            status = os.stat(os.path.expanduser(entry))
            owners.add(status.st_uid)
            groups.add(status.st_gid)
    return _Trusted(frozenset(owners), frozenset(groups))


def require_own(path: Path, entry: str | None = None) -> None:
    """Make sure that nobody but those who are trusted can change a file that was not asked for.

    :param entry: the application, or the directory in which it is looked for.
    :raises ConfigError: somebody else can.
    """
    spot = _weak_spot(path, _trusted(entry))
    if spot is None:
        return
    place, reason = spot
    which = "it" if place == path else str(place)
    raise ConfigError(
        f"The settings file {path} was found here, but {which} {reason}, and what it says decides"
        f" what {_account(os.geteuid())} runs.",
        f"If you trust what it says: --config {path}\nTo go on without it: --no-config",
    )


def _weak_spot(path: Path, trusted: _Trusted) -> tuple[Path, str] | None:
    """Follow a path as the kernel does, and find what somebody else could change on the way."""
    rest = list(reversed(path.parts[1:]))
    here = Path("/")
    links = 0
    while True:
        status = here.lstat()
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return here, "is a link that leads nowhere"
            target = Path(os.readlink(here))
            rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            here = Path("/") if target.is_absolute() else here.parent
        else:
            reason = _weakness(status, trusted)
            if reason:
                return here, reason
        while rest and rest[-1] == "..":
            rest.pop()
            here = here.parent
        if not rest:
            return None
        here = here / rest.pop()


def _weakness(status: os.stat_result, trusted: _Trusted) -> str:
    if status.st_uid not in trusted.owners:
        return f"belongs to {_account(status.st_uid)}"
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return ""  # others may add files, but neither remove nor replace one
    if status.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    if status.st_mode & stat.S_IWGRP and status.st_gid not in trusted.groups:
        return f"can be written by the group {status.st_gid}"
    return ""


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user {uid}"


# Reading it


def read_file(path: Path) -> Layer:
    """Read a settings file: TOML, one key per option. Relative paths in it are relative to it.

    :raises ConfigError: it cannot be read, or has an unknown key or an unusable value.
    """
    path = Path(os.path.abspath(path))
    try:
        tree = _toml(path.read_bytes().decode())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot read the settings file {path}: {reason}.") from None
    layer: dict[str, Sequence[Words]] = {}
    for key, value in _table(tree, path).items():
        option = names.find(key)
        if option is None:
            name = key.replace("_", "-")
            raise names.unknown_option(name, f"{key} in {path}", "{key}")
        if option.name in layer:
            raise ConfigError(f"{option.key} is in {path} twice.", "Its names differ by _ and -.")
        layer[option.name] = [
            _placed(option, words, path.parent) for words in _file_words(option, value, path)
        ]
    return layer


def _table(tree: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    if path.name != PROJECT:
        return tree
    table: Any = tree
    for name in TABLE.split("."):
        table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise ConfigError(f"{path} has no table [{TABLE}].", "Put the options there.")
    return table


def _toml(text: str) -> Mapping[str, Any]:
    try:
        parser: Any = importlib.import_module("tomllib")  # new in Python 3.11
    except ImportError:
        parser = importlib.import_module("tomli")
    tree: Mapping[str, Any] = parser.loads(text)
    return tree


def _file_words(option: Option[Any], value: Any, path: Path) -> Sequence[Words]:
    def words(item: Any) -> Words:
        items = item if isinstance(item, list) else [item]
        if len(items) != max(1, len(option.metavar)):
            raise ConfigError(
                f"{option.key} in {path} needs {' and '.join(option.metavar) or 'true or false'}."
            )
        return tuple(_word(option, part, path) for part in items)

    if option.repeats:
        if len(option.metavar) == 2 and isinstance(value, dict):
            return [(name, _word(option, part, path)) for name, part in value.items()]
        return [words(item) for item in (value if isinstance(value, list) else [value])]
    return [words(value)]


def _word(option: Option[Any], value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    kind = next((name for kind, name in _OTHERS if isinstance(value, kind)), "a date or time")
    raise ConfigError(
        f"{option.key} in {path} must be text, a number, true or false, not {kind}.",
        f"Pairs are a table of their own: {option.key} = {{ NAME = 'value' }}"
        if option.repeats and len(option.metavar) == 2
        else "",
    )


def _placed(option: Option[Any], words: Words, directory: Path) -> Words:
    """The words of one occurrence, paths among them made independent of where one is."""
    if option.name == "entry-point":
        return (_placed_entry(words[0], directory),)
    return tuple(
        os.path.normpath(directory / os.path.expanduser(word)) if word and is_path else word
        for word, is_path in zip(words, option.paths or [False] * len(words), strict=True)
    )


def _placed_entry(word: str, directory: Path) -> str:
    place = directory / os.path.expanduser(word)
    is_module = is_module_name(word.partition(":")[0]) and not word.endswith(".py")
    return word if is_module and not os.path.exists(place) else os.path.normpath(place)
