"""PasteDeploy: applications that an ini file describes."""

import configparser
import re
from pathlib import Path

from mod_pywsgi.discover import files
from mod_pywsgi.discover.model import Target
from mod_pywsgi.errors import ApplicationError

# What a directory is searched for, in this order.
CANDIDATES = ("production.ini", "development.ini")
_PREFIXES = ("app", "application", "composite", "composit", "pipeline", "filter-app")


def split(entry: str) -> tuple[str, str]:
    """The file and the application's name: ``[config:]FILE[#NAME]``."""
    path, _, name = entry.removeprefix("config:").partition("#")
    return path, name or "main"


def find(path: Path, name: str, search_path: tuple[str, ...]) -> Target:
    """The application of that name in the file.

    :raises ApplicationError: the file has none, or PasteDeploy is missing.
    """
    applications = read(path)
    if name not in applications:
        others = ", ".join(f"{path.name}#{other}" for other in applications)
        raise ApplicationError(
            f"{path} describes no application {name!r} (section [app:{name}]).",
            f"It describes: {others}." if others else "",
        )
    _require_library(search_path)
    return Target(kind="paste", name=f"{path}#{name}", file=str(path), callable_name="")


def read(path: Path) -> list[str]:
    """The names of the applications that a file describes.

    :raises ApplicationError: it is not an ini file.
    """
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(files.source(path).decode("utf-8"), str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise ApplicationError(f"{path} is not an ini file: {first}.") from None
    pattern = re.compile(rf"(?:{'|'.join(_PREFIXES)}):\s*(.+?)\s*")
    found = [match[1] for section in parser.sections() if (match := pattern.fullmatch(section))]
    bare = ["main"] if any(parser.has_section(prefix) for prefix in _PREFIXES) else []
    return list(dict.fromkeys([*found, *bare]))


def _require_library(search_path: tuple[str, ...]) -> None:
    try:
        files.spec("paste.deploy", search_path)
    except ApplicationError:
        raise ApplicationError(
            "PasteDeploy, which reads such files, is not installed in this Python.",
            "Install it: pip install 'mod_pywsgi[paste]'",
        ) from None
