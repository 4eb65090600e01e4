"""Types of option values: each turns the words of one occurrence into a value.

A parser raises ValueError with half a sentence that completes "--option ...", for
example "must be a whole number, not 'ten'".
"""

import ipaddress
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
_HOST_PATTERN = re.compile(r"[A-Za-z0-9_.:*?-]+\Z")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+\Z")
_LOG_LEVEL_WORDS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_LOG_LEVEL = re.compile(
    rf"([a-z0-9_]+:)?({'|'.join(_LOG_LEVEL_WORDS)}|trace[1-8])\Z", re.IGNORECASE
)

_MOST_PROCESSES = 1024  # of WSGIDaemonProcess
_LEAST_MEMORY = 16777216  # bytes: less starts no Python
_DAY = 86400.0  # seconds


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


def _host_pattern(words: tuple[str, ...]) -> str:
    if not _HOST_PATTERN.match(words[0]):
        raise ValueError(f"must be a host name, in which * and ? may stand, not {words[0]!r}")
    return words[0]


def _domain(words: tuple[str, ...]) -> str:
    if not _DOMAIN.match(words[0]) or words[0].rpartition(".")[2].isdecimal():
        raise ValueError(
            f"must be a full name such as www.example.org, without wildcards, not {words[0]!r}"
        )
    return words[0].lower()


def _mail(words: tuple[str, ...]) -> str:
    if not re.match(r"[^\s@<>,]+@[^\s@<>,]+\Z", words[0]):
        raise ValueError(f"must be a mail address such as me@example.org, not {words[0]!r}")
    return words[0]


def _https_url(words: tuple[str, ...]) -> str:
    if not re.match(r"https://[!-~]+\Z", words[0]):
        raise ValueError(f"must be a URL that begins with https://, not {words[0]!r}")
    return words[0]


def _hsts(words: tuple[str, ...]) -> str:
    policy = words[0]
    if not re.match(r'[A-Za-z0-9=;" -]+\Z', policy) or not re.search(r'\bmax-age="?\d', policy):
        raise ValueError(
            "must be a policy such as 'max-age=31536000; includeSubDomains' (seconds),"
            f" not {policy!r}"
        )
    return policy


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


def _environment(words: tuple[str, ...]) -> tuple[str, str]:
    name, value = words
    if not _NAME.match(name):
        raise ValueError(f"must name a variable in letters, digits and '_', not {name!r}")
    return name, _clean(value)


def _ending(text: str) -> str:
    if not re.match(r"\.?[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*\Z", text):
        raise ValueError(f"must be the ending of file names, such as .md, not {text!r}")
    return "." + text.lstrip(".")


def _ending_file(words: tuple[str, ...]) -> tuple[str, Path]:
    return _ending(words[0]), _path(words[1:])


def _error_document(words: tuple[str, ...]) -> tuple[int, str]:
    status = _whole(words[0])
    if not 400 <= status <= 599:
        raise ValueError(f"must be for a status between 400 and 599, not {status}")
    if not words[1]:
        raise ValueError("must not be empty")
    if words[1].endswith("\\"):
        raise ValueError(f"must not end in a backslash, as {words[1]!r} does")
    return status, _clean(words[1])


def _target(text: str) -> str:
    """The URL of another server, without a slash at its end."""
    if not re.match(r"https?://[A-Za-z0-9_.:\[\]-]+(/[!-~]*)?\Z", text) or re.search("[?#]", text):
        raise ValueError(
            f"must name a server as http://HOST:PORT/ or https://HOST/, with a path or"
            f" without, not {text!r}"
        )
    return text.rstrip("/")


def _proxied_path(words: tuple[str, ...]) -> tuple[str, str]:
    return _mount(words), _target(words[1])


def _proxied_host(words: tuple[str, ...]) -> tuple[str, str]:
    return _host(words), _target(words[1])


def _network(words: tuple[str, ...]) -> str:
    try:
        ipaddress.ip_network(words[0], strict=False)
    except ValueError:
        raise ValueError(
            f"must be an IP address or a network as 10.0.0.0/8, not {words[0]!r}"
        ) from None
    return words[0]


def _override(words: tuple[str, ...]) -> str:
    if not re.match(
        r"(?i)(all|none|authconfig|fileinfo|indexes|limit|(options|nonfatal)(=\S+)?)\Z", words[0]
    ):
        raise ValueError(
            f"must be All, None, AuthConfig, FileInfo, Indexes, Limit or Options, not {words[0]!r}"
        )
    return words[0]


def _required(words: tuple[str, ...]) -> str:
    if not words[0].strip():
        raise ValueError("must not be empty")
    return _clean(words[0])


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
    levels = words[0].split()
    if not levels or not all(map(_LOG_LEVEL.match, levels)):
        known = ", ".join(_LOG_LEVEL_WORDS)
        raise ValueError(
            f"must be one of {known}, trace1 to trace8, or MODULE:LEVEL, or several of these"
            f" with blanks between, not {words[0]!r}"
        )
    return " ".join(levels).lower()


@dataclass(frozen=True)
class Range:
    """So many as are needed, between the least and the most; or exactly as many."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"{self.least}-{self.most}"


def _processes(words: tuple[str, ...]) -> Range:
    found = re.match(r"(\d{1,9})(?:-(\d{1,9}))?\Z", words[0], re.ASCII)
    if not found:
        raise ValueError(
            f"must be a whole number, or the least and the most as in 2-8, not {words[0]!r}"
        )
    least, most = int(found[1]), int(found[2] or found[1])
    if not 1 <= least <= most <= _MOST_PROCESSES:
        raise ValueError(
            f"must be between 1 and {_MOST_PROCESSES}, the least first, not {words[0]!r}"
        )
    return Range(least, most)


def _fraction(words: tuple[str, ...]) -> float:
    try:
        value = float(words[0])
    except ValueError:
        raise ValueError(f"must be a number from 0 to 1, not {words[0]!r}") from None
    if not 0 <= value <= 1:
        raise ValueError(f"must be between 0 and 1, not {words[0]}")
    return value


def _duration(low: float, *, exclusive: bool = False) -> Callable[[tuple[str, ...]], float]:
    """Seconds with a fraction, up to a day."""

    def parse(words: tuple[str, ...]) -> float:
        if not re.match(r"(\d+\.?\d*|\.\d+)\Z", words[0], re.ASCII):
            raise ValueError(f"must be a number of seconds, not {words[0]!r}")
        value = float(words[0])
        if value < low or (exclusive and value == low) or value > _DAY:
            more = "more than" if exclusive else "at least"
            raise ValueError(f"must be {more} {low:g} and at most {_DAY:g}, not {words[0]}")
        return value

    return parse


def _memory(words: tuple[str, ...]) -> str:
    """Bytes, or a share of what there is, as the server takes them."""
    text = words[0]
    if re.match(r"(100|[1-9]\d?)%\Z", text, re.ASCII):
        return text
    if not text.isascii() or not text.isdigit() or 0 < int(text) < _LEAST_MEMORY:
        raise ValueError(
            f"must be 0, a number of bytes from {_LEAST_MEMORY}, or 1% to 100%, not {text!r}"
        )
    return str(int(text))


def _group_name(words: tuple[str, ...]) -> str:
    name = words[0]
    if not re.match(r"[^%\s\"'\\][^\s\"'\\]{0,99}\Z", name) or not name.isprintable():
        raise ValueError(f"must be a name without blanks, quotes and a first '%', not {name!r}")
    return name


def _variable_name(words: tuple[str, ...]) -> str:
    if not words[0] or re.search(r"[\s=]", words[0]):
        raise ValueError(f"must name a variable, not {words[0]!r}")
    return _clean(words[0])


def _file_name(words: tuple[str, ...]) -> str:
    name = _clean(words[0])
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(
            f"must be the name of a file without a directory, not {name!r};"
            " the directory is that of --log-directory"
        )
    return name


def _telemetry(words: tuple[str, ...]) -> Path:
    scheme, separator, path = words[0].partition(":")
    if scheme != "unix" or not separator or not path:
        raise ValueError(f"must be unix: and the path of a socket, not {words[0]!r}")
    return _path((path,))


def _service_log(words: tuple[str, ...]) -> tuple[str, str]:
    name, file = _service(words[0]), _clean(words[1])
    if not file or file.endswith("/"):
        raise ValueError(f"must name a file, not {file!r}")
    return name, file


def choice(*names: str) -> Kind[str]:
    """One of a few words."""

    def parse(words: tuple[str, ...]) -> str:
        if words[0] not in names:
            raise ValueError(f"must be one of {', '.join(names)}, not {words[0]!r}")
        return words[0]

    return Kind(("|".join(names),), parse)


def buffer_size(low: int) -> Kind[int]:
    """Bytes: 0 for the default, or at least so many."""

    def parse(words: tuple[str, ...]) -> int:
        value = _at_least(0, 2**31 - 1)(words)
        if 0 < value < low:
            raise ValueError(f"must be 0 or at least {low}, not {value}")
        return value

    return Kind(("BYTES",), parse)


def word_of(metavar: str, names: tuple[str, ...]) -> Kind[str]:
    """One of a few words, written in capitals or not."""
    known = {name.lower(): name for name in names}

    def parse(words: tuple[str, ...]) -> str:
        if words[0].lower() not in known:
            raise ValueError(f"must be one of {', '.join(names)}, not {words[0]!r}")
        return known[words[0].lower()]

    return Kind((metavar,), parse)


def is_module_name(text: str) -> bool:
    """Whether the text can be the dotted name of a Python module."""
    return _MODULE.match(text) is not None


FLAG: Kind[bool] = Kind((), _bool)
TEXT: Kind[str] = Kind(("TEXT",), _text)
REQUIRED_TEXT: Kind[str] = Kind(("TEXT",), _required)
NAME: Kind[str] = Kind(("NAME",), _identifier)
ACCOUNT: Kind[str] = Kind(("NAME",), _text)
HOST: Kind[str] = Kind(("HOST",), _host)
HOST_PATTERN: Kind[str] = Kind(("NAME",), _host_pattern)
DOMAIN: Kind[str] = Kind(("NAME",), _domain)
MAIL: Kind[str] = Kind(("ADDRESS",), _mail)
HSTS: Kind[str] = Kind(("POLICY",), _hsts)
HTTPS_URL: Kind[str] = Kind(("URL",), _https_url)
PORT: Kind[int] = Kind(("PORT",), _at_least(1, 65535))
SERVICE_FILE: Kind[tuple[str, Path]] = Kind(("NAME", "FILE"), _service_file)
SERVICE_TEXT: Kind[tuple[str, str]] = Kind(("NAME", "TEXT"), _service_text)
COUNT: Kind[int] = Kind(("N",), _at_least(1, 65533))
PROCESSES: Kind[Range] = Kind(("N|MIN-MAX",), _processes)
NUMBER: Kind[int] = Kind(("N",), _at_least(0, 2**31 - 1))
FRACTION: Kind[float] = Kind(("FRACTION",), _fraction)
MEMORY: Kind[str] = Kind(("BYTES|N%",), _memory)
MEGABYTES: Kind[int] = Kind(("MB",), _at_least(1))
SIZE: Kind[int] = Kind(("BYTES",), _at_least(0))
INTERVAL: Kind[float] = Kind(("SECONDS",), _duration(0.5))
SOME_SECONDS: Kind[float] = Kind(("SECONDS",), _duration(0, exclusive=True))
SLOW: Kind[float] = Kind(("SECONDS",), _duration(0))
GROUP_NAME: Kind[str] = Kind(("NAME",), _group_name)
VARIABLE_NAME: Kind[str] = Kind(("NAME",), _variable_name)
FILE_NAME: Kind[str] = Kind(("NAME",), _file_name)
TELEMETRY: Kind[Path] = Kind(("unix:PATH",), _telemetry)
SERVICE_LOG: Kind[tuple[str, str]] = Kind(("NAME", "LOG-FILE"), _service_log)
SECONDS: Kind[int] = Kind(("SECONDS",), _at_least(0))
MILLISECONDS: Kind[int] = Kind(("MILLISECONDS",), _at_least(0))
RATE: Kind[int] = Kind(("BYTES/S",), _at_least(0))
URL_PATH: Kind[str] = Kind(("URL-PATH",), _mount)
REQUEST_PATH: Kind[str] = Kind(("URL-PATH",), _request_path)
FILE: Kind[Path] = Kind(("FILE",), _path)
DIRECTORY: Kind[Path] = Kind(("DIRECTORY",), _path)
ALIAS: Kind[tuple[str, Path]] = Kind(("URL-PATH", "PATH"), _alias)
ENVIRONMENT: Kind[tuple[str, str]] = Kind(("NAME", "VALUE"), _environment)
ENDING_FILE: Kind[tuple[str, Path]] = Kind((".EXT", "FILE"), _ending_file)
ERROR_DOCUMENT: Kind[tuple[int, str]] = Kind(("STATUS", "URL"), _error_document)
PROXIED_PATH: Kind[tuple[str, str]] = Kind(("URL-PATH", "URL"), _proxied_path)
PROXIED_HOST: Kind[tuple[str, str]] = Kind(("HOST", "URL"), _proxied_host)
NETWORK: Kind[str] = Kind(("ADDRESS",), _network)
OVERRIDE: Kind[str] = Kind(("TYPE",), _override)
VARIABLE: Kind[tuple[str, str]] = Kind(("NAME", "VALUE"), _pair)
LEVEL: Kind[str] = Kind(("LEVEL",), _log_level)
