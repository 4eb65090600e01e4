"""The page of options is that of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from mod_pywsgi import docs
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "express.md"


def test_every_option_has_a_row() -> None:
    table = docs.options_table()
    for option in OPTIONS:
        assert (f"| `{option.flag}" in table) != option.hidden


def test_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert docs.insert(text) == text, "run: mod-pywsgi-express docs docs/express.md"


def test_page_without_marks() -> None:
    with pytest.raises(ConfigError, match="no part between"):
        docs.insert("nothing")


def test_update(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{docs.BEGIN}\nobsolete\n{docs.END}\nafter\n")
    docs.update(page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "obsolete" not in text
    assert "--port" in text
