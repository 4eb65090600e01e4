"""Options by name, also by one that is not quite right."""

import difflib
from collections.abc import Iterable
from typing import Any

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import OPTIONS, Option

_NAMED = {name: option for option in OPTIONS for name in (option.name, *option.aliases)}
_SHOWN = [option.name for option in OPTIONS if not option.hidden]


def find(name: str) -> Option[Any] | None:
    """The option of that name or alias; ``_`` counts as ``-``."""
    return _NAMED.get(name.replace("_", "-"))


def nearest(name: str) -> Option[Any] | None:
    """The option that was probably meant."""
    close = difflib.get_close_matches(name.replace("_", "-").lower(), _SHOWN, n=1, cutoff=0.7)
    return _NAMED[close[0]] if close else None


def unknown_option(name: str, source: str, spelled: str = "--{name}") -> ConfigError:
    """The error for an option that is not in the table.

    :param source: where it stood, as a phrase.
    :param spelled: how an option is written there, with {name} or {key}.
    """
    meant = nearest(name)
    return ConfigError(
        f"{source} is not an option of mod_pywsgi.",
        f"Did you mean {spelled.format(name=meant.name, key=meant.key)}?"
        if meant
        else "All options: mod-pywsgi-express start-server --help",
    )


def unknown_variables(env: Iterable[str]) -> dict[str, Option[Any]]:
    """Variables that begin as an option's and are none, where one was probably meant."""
    found: dict[str, Option[Any]] = {}
    known = {option.env for option in OPTIONS}
    for variable in sorted(env):
        if variable.startswith("PYWSGI_") and variable not in known:
            meant = nearest(variable.removeprefix("PYWSGI_"))
            if meant is not None:
                found[variable] = meant
    return found
