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
    ("static_site", ("mime", "dir")),
    ("docs", ("mime", "alias", "dir")),
    ("document_root", ("mime", "dir", "rewrite")),
    ("redirect", ("rewrite",)),
    ("local", ("authz_host",)),
    ("http2", ("http2",)),
    ("tls", ("socache_shmcb?", "ssl")),
    ("acme", ("watchdog", "md")),
    ("headers", ("headers",)),
    ("directories", ("dir",)),
    ("listing", ("autoindex",)),
    ("cgi", ("cgi",)),
    ("cgid", ("cgid",)),
    ("types", ("mime",)),
    ("auth", ("authn_core", "authz_user")),
    ("auth_basic", ("auth_basic",)),
    ("auth_digest", ("auth_digest",)),
    ("compression", ("filter", "brotli?", "deflate?")),
    ("proxy", ("proxy", "proxy_http", "headers", "alias")),
    ("proxy_tls", ("socache_shmcb?", "ssl")),
    ("setenv", ("env",)),
    ("status", ("status", "authz_host")),
    # What .htaccess files are mostly written for.
    (
        "override",
        (
            "access_compat?",
            "authn_core?",
            "authn_file?",
            "authz_host?",
            "authz_user?",
            "authz_groupfile?",
            "auth_basic?",
            "autoindex?",
            "expires?",
        ),
    ),
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
