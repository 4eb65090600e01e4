"""Options by name."""

from __future__ import annotations

import pytest

from mod_pywsgi import names
from mod_pywsgi import options as opt
from mod_pywsgi.options import OPTIONS


def test_find() -> None:
    for option in OPTIONS:
        for name in (option.name, option.key, *option.aliases):
            assert names.find(name) is option
    assert names.find("colour") is None


@pytest.mark.parametrize(
    ("name", "meant"), [("treads", opt.THREADS), ("PORTS", opt.LISTEN_PORT), ("xyzzy", None)]
)
def test_nearest(name: str, meant: object) -> None:
    assert names.nearest(name) is meant


def test_unknown_options() -> None:
    error = names.unknown_option("treads", "--treads")
    assert error.message == "--treads is not an option of mod_pywsgi."
    assert error.hint == "Did you mean --threads?"
    assert "limit_request_body?" in names.unknown_option("limit-request-bod", "x", "{key}").hint
    assert "--help" in names.unknown_option("xyzzy", "--xyzzy").hint


def test_unknown_variables() -> None:
    env = ["PYWSGI_TREADS", "PYWSGI_THREADS", "PYWSGI_LIBEXEC", "TREADS", "PYWSGI_CONFIG"]
    assert names.unknown_variables(env) == {"PYWSGI_TREADS": opt.THREADS}
