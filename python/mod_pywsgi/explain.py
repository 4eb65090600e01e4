"""What the options' values are and where they came from: as a settings file, a table, a document."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mod_pywsgi.options import ENTRY_POINT, OPTIONS, Option
from mod_pywsgi.options.model import Words
from mod_pywsgi.settings import Settings

_NUMBER = re.compile(r"(0|-?[1-9][0-9]*)\Z")


def as_toml(settings: Settings, *, everything: bool) -> Iterator[str]:
    """Lines of a settings file that gives the same values from wherever it is read.

    :param everything: defaults too, as comments.
    """
    if settings.file:
        yield f"# With what {settings.file} says."
    shown = list(_shown(settings, everything))
    if not shown:
        yield "# Every option has its default value; --all shows them."
    section = None
    for option in shown:
        if everything and option.section != section:
            section = option.section
            yield f"\n# {section}"
        if settings.is_given(option):
            yield f"{option.key} = {_toml(option, _words(option, settings))}"
        elif option.is_flag or option.default not in (None, ()):
            yield f"# {option.key} = {_toml(option, [(_default_word(option),)])}"
        else:
            yield f"# {option.key} = ...  # {option.default_text}"


def as_table(settings: Settings, *, everything: bool) -> Iterator[str]:
    """Lines of option, value, source and default, in columns."""
    yield f"settings file: {settings.file or 'none'}"
    rows = [("option", "value", "from", "default")]
    for option in _shown(settings, everything):
        given = settings.is_given(option)
        value = _toml(option, _words(option, settings)) if given else option.default_text
        rows.append((option.name, value, settings.source(option), option.default_text))
    if len(rows) == 1:
        yield "every option has its default value; --all shows them"
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[3]]).rstrip()


def as_document(settings: Settings, *, everything: bool) -> dict[str, Any]:
    """What the table says, for programs. Occurrences of a repeated option are a list."""
    return {
        "file": settings.file or None,
        "options": {
            option.name: {
                "value": _plain(settings[option]),
                "source": settings.source(option),
                "default": _plain(option.default),
                "default_text": option.default_text,
            }
            for option in _shown(settings, everything)
        },
    }


def _shown(settings: Settings, everything: bool) -> Iterator[Option[Any]]:
    for option in OPTIONS:
        if settings.is_given(option) or (everything and not option.hidden):
            yield option


def _words(option: Option[Any], settings: Settings) -> Sequence[Words]:
    """What the source said, such that it means the same anywhere."""
    occurrences = settings.words[option.name]
    if not option.repeats:
        occurrences = occurrences[-1:]
    if option is ENTRY_POINT:
        return [(_absolute(word) if os.path.exists(word) else word,) for (word,) in occurrences]
    if not any(option.paths):
        return occurrences
    return [
        tuple(
            _absolute(word) if is_path else word
            for word, is_path in zip(words, option.paths, strict=True)
        )
        for words in occurrences
    ]


def _absolute(word: str) -> str:
    return os.path.abspath(os.path.expanduser(word))


def _default_word(option: Option[Any]) -> str:
    return ("on" if option.default else "off") if option.is_flag else str(option.default)


def _toml(option: Option[Any], occurrences: Sequence[Words]) -> str:
    if option.is_flag:
        return "true" if option.load(occurrences) else "false"
    if not option.repeats:
        return _occurrence(occurrences[-1])
    pairs = [words for words in occurrences if len(words) == 2]
    if pairs and len(dict(pairs)) == len(occurrences):
        inside = ", ".join(f"{_text(name)} = {_text(value)}" for name, value in pairs)
        return f"{{ {inside} }}"
    return f"[{', '.join(_occurrence(words) for words in occurrences)}]"


def _occurrence(words: Words) -> str:
    if len(words) == 1:
        return words[0] if _NUMBER.match(words[0]) else _text(words[0])
    return f"[{', '.join(map(_text, words))}]"


def _text(word: str) -> str:
    """A basic string of TOML: its escapes are those of JSON."""
    return json.dumps(word, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
