"""Flask: the application that FLASK_APP names, by the rules of the command flask."""

import re
from pathlib import Path

from mod_pywsgi.callables import Callable
from mod_pywsgi.discover import files
from mod_pywsgi.discover.model import Target
from mod_pywsgi.errors import ApplicationError

VARIABLE = "FLASK_APP"
FILES = (".env", ".flaskenv")  # the first that has it counts, as for flask


def setting(directory: Path, environment: str) -> tuple[str, str]:
    """The value of FLASK_APP and where it stands; empty where it does not."""
    if environment:
        return environment, f"the variable {VARIABLE}"
    for name in FILES:
        try:
            text = (directory / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            match = re.fullmatch(rf"\s*(?:export\s+)?{VARIABLE}\s*=\s*(.*?)\s*", line)
            if match:
                return _unquoted(match[1]), f"{VARIABLE} in {name}"
    return "", ""


def _unquoted(value: str) -> str:
    quoted = re.match(r"""(["'])(.*?)\1""", value)
    return quoted[2] if quoted else re.sub(r"\s+#.*", "", value)


def find(
    directory: Path, value: str, wanted: Callable | None, search_path: tuple[str, ...]
) -> Target:
    """The application that a value of FLASK_APP means: FILE or MODULE, then :NAME or :CALL.

    :raises ApplicationError: there is none.
    """
    place, *rest = re.split(r":(?![\\/])", value, maxsplit=1)
    if rest and wanted is None:
        wanted = files.expression(rest[0])
        if wanted is None:
            raise ApplicationError(f"{rest[0]!r} is neither a name nor a call with plain values.")
    path = directory / place
    for candidate in (path, path.with_name(f"{path.name}.py")):
        if candidate.suffix == ".py" and candidate.is_file():
            return files.script(candidate, wanted)[0]
    return files.module(place.replace("/", "."), wanted, (str(directory), *search_path))
