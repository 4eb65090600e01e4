"""Which modules are loaded."""

from __future__ import annotations

import dataclasses

import pytest

from mod_pywsgi.errors import HttpdError
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.httpd.modules import select


def names(facts: HttpdFacts, *features: str) -> list[str]:
    return [module.symbol.removesuffix("_module") for module in select(facts, "event", features)]


def test_little_by_default(httpd_facts: HttpdFacts) -> None:
    assert names(httpd_facts) == ["mpm_event", "authz_core", "reqtimeout"]


def test_features_share_modules(httpd_facts: HttpdFacts) -> None:
    assert names(httpd_facts, "static", "document_root") == [
        *("mpm_event", "authz_core", "reqtimeout", "mime", "alias", "dir", "rewrite"),
    ]


def test_built_in_is_not_loaded(httpd_facts: HttpdFacts) -> None:
    facts = dataclasses.replace(httpd_facts, built_in=frozenset({"event", "unixd", "authz_core"}))
    assert names(facts) == ["reqtimeout"]


def test_optional_may_lack(httpd_facts: HttpdFacts) -> None:
    facts = dataclasses.replace(httpd_facts, available=httpd_facts.available - {"headers"})
    assert "headers" not in names(facts, "include")


def test_needed_must_not_lack(httpd_facts: HttpdFacts) -> None:
    facts = dataclasses.replace(httpd_facts, available=httpd_facts.available - {"env"})
    with pytest.raises(HttpdError, match=r"mod_env\.so"):
        names(facts, "setenv")
