"""Makes web pages of docs/*.md, which --enable-docs serves: build.py DOCS TARGET.

TARGET/docs gets a page for each file, and an index; TARGET/images gets the pictures. Nothing is
done where they are newer than what they are made from.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
from pathlib import Path
from string import Template
from typing import Any

try:
    from markdown_it import MarkdownIt
except ImportError:
    MarkdownIt = None  # type: ignore[assignment, misc]

HERE = Path(__file__).parent
FIRST = ("quickstart", "express")  # in the list of pages; the others follow by their titles
MISSING = "The documentation is not made into pages: markdown-it-py is not installed."


def main(docs: Path, target: Path) -> None:
    """Make the pages, if they are not up to date."""
    if is_up_to_date(docs, target):
        return
    if MarkdownIt is None:
        print(MISSING, file=sys.stderr)
        return
    shutil.rmtree(target, ignore_errors=True)
    for name in ("docs", "images"):
        (target / name).mkdir(parents=True)
    for image in docs.glob("*.png"):
        shutil.copyfile(image, target / "images" / image.name)
    shutil.copyfile(HERE / "style.css", target / "docs" / "style.css")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in docs.glob("*.md")}
    titles = {name: title(text) for name, text in texts.items()}
    for name, text in texts.items():
        write(target, name, titles, render(text, set(texts)))
    items = "".join(
        f'<li><a href="{name}.html">{html.escape(titles[name])}</a></li>'
        for name in ordered(titles)
    )
    write(
        target, "index", {"index": "mod_pywsgi", **titles}, f"<h1>mod_pywsgi</h1><ul>{items}</ul>"
    )


def is_up_to_date(docs: Path, target: Path) -> bool:
    """Whether no page is older than a source, and none is missing."""
    sources = [*docs.glob("*.md"), *docs.glob("*.png")]
    made = [*target.glob("docs/*"), *target.glob("images/*")]
    if not made or {path.stem for path in sources} - {path.stem for path in made}:
        return False
    newest = max(path.stat().st_mtime for path in [*sources, *HERE.iterdir()])
    return newest <= min(path.stat().st_mtime for path in made)


def title(text: str) -> str:
    """The words of the first heading."""
    found = re.search(r"^# (.*)$", text, re.MULTILINE)
    return found[1].replace("`", "") if found else ""


def ordered(titles: dict[str, str]) -> list[str]:
    """The pages, in the order in which they are listed."""
    rest = sorted(set(titles) - {*FIRST, "index"}, key=lambda name: titles[name].lower())
    return [name for name in FIRST if name in titles] + rest


def write(target: Path, name: str, titles: dict[str, str], body: str) -> None:
    """One page, with the list of all."""
    items = "".join(
        f'<li><a href="{other}.html"{" aria-current=page" if other == name else ""}>'
        f"{html.escape(titles[other])}</a></li>"
        for other in ordered(titles)
    )
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    page = template.substitute(title=html.escape(titles[name]), pages=items, body=body)
    (target / "docs" / f"{name}.html").write_text(page, encoding="utf-8")


def render(text: str, pages: set[str]) -> str:
    """Markdown to HTML: headings can be linked to as on other renderers, links lead to pages."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(re.sub(r"^<!--.*?-->\n", "", text, flags=re.MULTILINE))
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            token.attrSet("id", slug(following.content))
        for child in token.children or ():
            turn(child, pages)
    drop_links(tokens)
    body: str = markdown.renderer.render(tokens, markdown.options, {})
    wide = body.replace("<table>", '<div class="wide"><table>')
    return wide.replace("</table>", "</table></div>")


def slug(heading: str) -> str:
    """The name of a heading in a link."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def turn(token: Any, pages: set[str]) -> None:
    """Point a link to the page, an image to its place."""
    if token.type == "image":
        token.attrSet("src", f"../images/{token.attrGet('src')}")
    if token.type == "link_open":
        name, mark, rest = token.attrGet("href").partition(".md")
        if name in pages and mark:
            token.attrSet("href", f"{name}.html{rest}")


def drop_links(tokens: list[Any]) -> None:
    """What is not among the pages is named, not linked to."""
    for token in tokens:
        is_dropped = False
        for child in token.children or ():
            if child.type == "link_open":
                is_dropped = child.attrGet("href").startswith("../")
            if child.type in ("link_open", "link_close") and is_dropped:
                child.tag, child.attrs = "span", {}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
