"""Which Apache modules each feature needs. Nothing else is loaded: less to run, less to attack."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd.facts import HttpdFacts

# In the order in which they are loaded. "?" marks what is left out where it is missing.
FEATURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("always", ("authz_core", "unixd", "reqtimeout?")),
    ("access_log", ("log_config",)),
    ("static", ("mime", "alias")),
    ("document_root", ("mime", "dir", "rewrite")),
    ("redirect", ("alias",)),
    ("setenv", ("env",)),
    # What a file that the user includes may take for granted.
    (
        "include",
        (
            "access_compat?",
            "authn_core?",
            "authz_host?",
            "mime?",
            "rewrite?",
            "alias?",
            "dir?",
            "env?",
            "headers?",
            "filter?",
            "setenvif?",
        ),
    ),
)


@dataclass(frozen=True)
class LoadModule:
    """One line of the configuration."""

    symbol: str
    path: Path


def select(facts: HttpdFacts, mpm: str, features: Iterable[str]) -> tuple[LoadModule, ...]:
    """The modules to load for the features, the built-in ones left out.

    :raises HttpdError: one that is needed is not installed.
    """
    wanted = set(features)
    names: list[str] = [] if mpm in facts.built_in else [f"mpm_{mpm}"]
    for feature, members in FEATURES:
        if feature not in wanted and feature != "always":
            continue
        for member in members:
            name = member.rstrip("?")
            if name in facts.built_in or name in names:
                continue
            if name in facts.available:
                names.append(name)
            elif not member.endswith("?"):
                raise HttpdError(
                    f"mod_{name}.so is not in {facts.modules_directory}, and is needed here.",
                    "Install the package of your distribution that has it.",
                )
    return tuple(
        LoadModule(f"{name}_module", facts.modules_directory / f"mod_{name}.so") for name in names
    )
