"""The rows are complete, agree with the C tables, and stand on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mod_pywsgi import docs
from mod_pywsgi.migrate import facts, page
from mod_pywsgi.migrate.model import Verdict
from mod_pywsgi.migrate.tables import api, directives, environ, historic, options, statuses

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "server"
PAGE = ROOT / "docs" / "migrating.md"

DIRECTIVES = [fact for section in directives.SECTIONS for fact in section.facts]


def rows_of_directives() -> set[str]:
    text = (SOURCES / "apache" / "directives.c").read_text()
    table = text[text.index("command_rec pyw_directives[]") :]
    return {name.lstrip("<") for name in re.findall(r'\(\s*"(<?WSGI\w+)>?"', table)}


def rows_of_options() -> set[str]:
    return set(re.findall(r'^\s+[A-Z_0-9]+\(\s*"([a-z-]+)"', options_source(), re.MULTILINE))


def options_source() -> str:
    text = (SOURCES / "base" / "options.c").read_text()
    return text[text.index("option_row rows[]") :].split("};")[0]


def test_as_many_as_mod_wsgi_has() -> None:
    assert len(DIRECTIVES) == 49
    assert len(options.SECTION.facts) == 44
    assert len(environ.MODULE.facts) == 23
    assert len(api.FUNCTIONS.facts) == 8
    assert len(statuses.SECTION.facts) == 31


@pytest.mark.parametrize("section", facts.SECTIONS, ids=lambda section: section.title)
def test_names_are_unique(section: facts.Section) -> None:
    names = [fact.name for fact in section.facts]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("section", facts.SECTIONS, ids=lambda section: section.title)
def test_texts(section: facts.Section) -> None:
    """Whatever is not simply the same says how, in a short sentence."""
    for fact in section.facts:
        assert fact.text or fact.verdict is Verdict.SAME, fact
        assert len(fact.text) <= 110, fact
        assert not fact.text or fact.text.endswith("."), fact
        assert "\n" not in fact.text, fact


def test_directives_are_those_of_the_module() -> None:
    """Names of mod_wsgi's that the module knows; a directive of its own needs no row."""
    assert {fact.name for fact in DIRECTIVES} <= rows_of_directives()


def test_options_are_those_of_the_module() -> None:
    assert {fact.name for fact in options.SECTION.facts} == rows_of_options() - facts.OWN_OPTIONS


def test_numbers_agree_with_the_module() -> None:
    """What the command takes for a number is one in options.c, from the same lowest value on.

    A lowest value that has a name in options.c is not looked up.
    """
    rows = re.findall(r'\b(NUMBER|SIZE|RANGE)\("([a-z-]+)", \w+, ([-\w]+),', options_source())
    assert rows
    for kind, name, low in rows:
        if name in facts.OWN_OPTIONS:
            continue
        fact = facts.option(name)
        assert fact is not None, name
        assert fact.number is not None, name
        assert fact.number.zero is (kind == "SIZE"), name
        if re.fullmatch(r"-?\d+", low):
            assert fact.number.low == int(low), name


def test_paths_agree_with_the_module() -> None:
    paths = set(re.findall(r'\bPATH\("([a-z-]+)"', options_source()))
    for name in paths - facts.OWN_OPTIONS:
        fact = facts.option(name)
        assert fact is not None, name
        assert fact.is_path, name


def test_refusals_agree_with_the_module() -> None:
    """What the page calls refused is refused, and nothing else of mod_wsgi's is."""
    text = (SOURCES / "apache" / "directives.c").read_text()
    directives_refused = set(re.findall(r'\bREFUSED\("<?(WSGI\w+)"\)', text))
    options_refused = set(re.findall(r'\bNOT_BUILT\("([a-z-]+)"\)', options_source()))
    for refused, known in (
        (directives_refused, DIRECTIVES),
        (options_refused, options.SECTION.facts),
    ):
        assert {fact.name for fact in known if fact.verdict is Verdict.REFUSED} == refused


def test_dropped_names_agree_with_the_module() -> None:
    text = (SOURCES / "apache" / "directives.c").read_text()
    assert set(re.findall(r'\bDROPPED\(\s*"(WSGI\w+)"', text)) == historic.DIRECTIVES.keys()


def test_dropped_names_are_no_directives() -> None:
    names = {name.lower() for name in historic.DIRECTIVES}
    assert not names & {fact.name.lower() for fact in DIRECTIVES}
    assert facts.dropped("wsgireloadmechanism")


def test_lookup_ignores_case_of_directives() -> None:
    found = facts.directive("wsgiscriptALIAS")
    assert found is not None
    assert found.name == "WSGIScriptAlias"


def test_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert docs.insert(text) == text, "run: mod-pywsgi-express docs docs/migrating.md"


@pytest.mark.parametrize("section", facts.SECTIONS, ids=lambda section: section.title)
def test_page_names(section: facts.Section) -> None:
    """Whatever the shape of the tables: the name is there, and its text."""
    text = PAGE.read_text(encoding="utf-8")
    for fact in section.facts:
        assert all(name in text for name in fact.name.split(", ")), fact
        assert fact.text.replace("|", "\\|") in text, fact


def test_dropped_names_are_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in historic.DIRECTIVES:
        assert f"`{name}`" in text


def test_marks_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
