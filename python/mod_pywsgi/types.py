"""Types of option values: each turns the words of one occurrence into a value.

A parser raises ValueError with half a sentence that completes "--option ...", for
example "must be a whole number, not 'ten'".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

_TRUE = frozenset({"1", "on", "true", "yes"})
_FALSE = frozenset({"0", "off", "false", "no", ""})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")
_HOST = re.compile(r"[A-Za-z0-9_.:-]+\Z")
_LOG_LEVEL_WORDS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_LOG_LEVEL = re.compile(
    rf"([a-z0-9_]+:)?({'|'.join(_LOG_LEVEL_WORDS)}|trace[1-8])\Z", re.IGNORECASE
)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type of option value.

    :param metavar: what the help shows for the words, one name a word.
    :param parse: from the words of one occurrence to the value.
    """

    metavar: tuple[str, ...]
    parse: Callable[[tuple[str, ...]], T]

    @property
    def words(self) -> int:
        """How many words of the command line one occurrence takes."""
        return len(self.metavar)


def _clean(text: str) -> str:
    """Refuse what no configuration file of Apache can carry."""
    if "\0" in text or "\n" in text or "\r" in text:
        raise ValueError("must not contain a line break or a NUL character")
    return text


def _text(words: tuple[str, ...]) -> str:
    return _clean(words[0])


def _bool(words: tuple[str, ...]) -> bool:
    word = words[0].lower() if words else "true"
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"must be on or off, not {words[0]!r}")


def _whole(text: str) -> int:
    try:
        return int(text, 10)
    except ValueError:
        raise ValueError(f"must be a whole number, not {text!r}") from None


def _at_least(low: int, high: int | None = None) -> Callable[[tuple[str, ...]], int]:
    def parse(words: tuple[str, ...]) -> int:
        value = _whole(words[0])
        if value < low or (high is not None and value > high):
            limits = f"between {low} and {high}" if high is not None else f"{low} or more"
            raise ValueError(f"must be {limits}, not {value}")
        return value

    return parse


def _identifier(words: tuple[str, ...]) -> str:
    if not _NAME.match(words[0]):
        raise ValueError(f"must be a Python name, not {words[0]!r}")
    return words[0]


def _host(words: tuple[str, ...]) -> str:
    host = words[0].strip("[]")
    if not _HOST.match(host):
        raise ValueError(f"must be an IP address or a host name, not {words[0]!r}")
    return host


def _url_path(text: str) -> str:
    if not _clean(text).startswith("/"):
        raise ValueError(f"must be a URL path that begins with '/', not {text!r}")
    return re.sub("/+", "/", text)


def _request_path(words: tuple[str, ...]) -> str:
    path = words[0]
    if not re.match(r"/[!-~]*\Z", path) or "#" in path:
        raise ValueError(
            f"must be the path of a URL that begins with '/', other than ASCII as %XX, not {path!r}"
        )
    return path


def _mount(words: tuple[str, ...]) -> str:
    return _url_path(words[0]).rstrip("/") or "/"


def _path(words: tuple[str, ...]) -> Path:
    if not words[0]:
        raise ValueError("must not be empty")
    return Path(_clean(words[0])).expanduser().absolute()


def _alias(words: tuple[str, ...]) -> tuple[str, Path]:
    return _url_path(words[0]), _path(words[1:])


def _pair(words: tuple[str, ...]) -> tuple[str, str]:
    name, value = words
    if not name or re.search(r"[\s=]", name):
        raise ValueError(f"must name a variable, not {name!r}")
    return _clean(name), _clean(value)


def _service(name: str) -> str:
    if not re.match(r"[A-Za-z0-9_.-]+\Z", name):
        raise ValueError(f"must name a service in letters, digits, '_', '.' and '-', not {name!r}")
    return name


def _service_file(words: tuple[str, ...]) -> tuple[str, Path]:
    return _service(words[0]), _path(words[1:])


def _service_text(words: tuple[str, ...]) -> tuple[str, str]:
    if not words[1].strip():
        raise ValueError("must not be empty")
    return _service(words[0]), _clean(words[1])


def _log_level(words: tuple[str, ...]) -> str:
    if not _LOG_LEVEL.match(words[0]):
        levels = ", ".join(_LOG_LEVEL_WORDS)
        raise ValueError(
            f"must be one of {levels}, trace1 to trace8, or MODULE:LEVEL, not {words[0]!r}"
        )
    return words[0].lower()


def choice(*names: str) -> Kind[str]:
    """One of a few words."""

    def parse(words: tuple[str, ...]) -> str:
        if words[0] not in names:
            raise ValueError(f"must be one of {', '.join(names)}, not {words[0]!r}")
        return words[0]

    return Kind(("|".join(names),), parse)


def is_module_name(text: str) -> bool:
    """Whether the text can be the dotted name of a Python module."""
    return _MODULE.match(text) is not None


FLAG: Kind[bool] = Kind((), _bool)
TEXT: Kind[str] = Kind(("TEXT",), _text)
NAME: Kind[str] = Kind(("NAME",), _identifier)
ACCOUNT: Kind[str] = Kind(("NAME",), _text)
HOST: Kind[str] = Kind(("HOST",), _host)
PORT: Kind[int] = Kind(("PORT",), _at_least(1, 65535))
SERVICE_FILE: Kind[tuple[str, Path]] = Kind(("NAME", "FILE"), _service_file)
SERVICE_TEXT: Kind[tuple[str, str]] = Kind(("NAME", "TEXT"), _service_text)
COUNT: Kind[int] = Kind(("N",), _at_least(1, 65533))
SIZE: Kind[int] = Kind(("BYTES",), _at_least(0))
SECONDS: Kind[int] = Kind(("SECONDS",), _at_least(0))
MILLISECONDS: Kind[int] = Kind(("MILLISECONDS",), _at_least(0))
RATE: Kind[int] = Kind(("BYTES/S",), _at_least(0))
URL_PATH: Kind[str] = Kind(("URL-PATH",), _mount)
REQUEST_PATH: Kind[str] = Kind(("URL-PATH",), _request_path)
FILE: Kind[Path] = Kind(("FILE",), _path)
DIRECTORY: Kind[Path] = Kind(("DIRECTORY",), _path)
ALIAS: Kind[tuple[str, Path]] = Kind(("URL-PATH", "PATH"), _alias)
VARIABLE: Kind[tuple[str, str]] = Kind(("NAME", "VALUE"), _pair)
LEVEL: Kind[str] = Kind(("LEVEL",), _log_level)
