"""The documentation as web pages: each link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent.parent
BUILD = REPO / "src" / "manual" / "build.py"


def build(docs: Path, target: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(BUILD), str(docs), str(target)],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("manual")
    assert build(REPO / "docs", target) == ""
    return target


def links(page: Path) -> Iterator[str]:
    yield from re.findall(r'(?:href|src)="([^"]*)"', page.read_text())


def test_every_page_is_there(manual: Path) -> None:
    sources = {path.stem for path in (REPO / "docs").glob("*.md")}
    pages = {path.stem for path in (manual / "docs").glob("*.html")}
    assert pages == {*sources, "index"}


def test_links_lead_somewhere(manual: Path) -> None:
    wrong = []
    for page in (manual / "docs").glob("*.html"):
        for link in links(page):
            if link.startswith(("http:", "https:")):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.is_file() or (anchor and f'id="{anchor}"' not in target.read_text()):
                wrong.append(f"{page.name}: {link}")
    assert not wrong


def test_nothing_of_markdown_is_left(manual: Path) -> None:
    for page in (manual / "docs").glob("*.html"):
        text = re.sub(r"<(pre|code)\b.*?</\1>", "", page.read_text(), flags=re.S)
        assert not re.search(r"^\||^#+ |<!--|\]\(", text, re.M), page.name


def test_made_anew_when_a_source_is_newer(tmp_path: Path) -> None:
    docs, target = tmp_path / "docs", tmp_path / "manual"
    docs.mkdir()
    page = docs / "page.md"
    page.write_text("# Title\n\n[next](other.md#a-b) [out](../README.md)\n\n<script>\n")
    (docs / "other.md").write_text("# Other\n\n## `a` b!\n\n| x | y |\n|---|---|\n| 1 | 2 |\n")
    build(docs, target)
    made = target / "docs" / "page.html"
    text = made.read_text()
    assert '<a href="other.html#a-b">next</a> <span>out</span>' in text
    assert "<script>" not in text
    assert '<h2 id="a-b">' in (target / "docs" / "other.html").read_text()
    before = made.stat().st_mtime_ns
    build(docs, target)
    assert made.stat().st_mtime_ns == before
    later = made.stat().st_mtime + 5
    os.utime(page, (later, later))
    build(docs, target)
    assert made.stat().st_mtime_ns != before


def test_without_the_library(tmp_path: Path) -> None:
    """The package is then made without them, and says so."""
    (tmp_path / "markdown_it.py").write_text("raise ImportError\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(BUILD), str(REPO / "docs"), str(tmp_path / "manual")],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "markdown-it-py is not installed" in done.stderr
    assert not (tmp_path / "manual").exists()
