"""The tables of docs/migrating.md."""

from mod_pywsgi.migrate.facts import SECTIONS
from mod_pywsgi.migrate.model import Fact, Section, Verdict

BEGIN = "<!-- names: written by `mod-pywsgi-express docs`, not by hand -->"
END = "<!-- end of names -->"


def tables() -> str:
    """Markdown: a table for each section."""
    return "\n".join(_table(section) for section in SECTIONS)


def _table(section: Section) -> str:
    head = f"### {section.title}\n\n| {section.column} | | how |\n|---|---|---|\n"
    return head + "".join(_row(fact) for fact in section.facts)


def _row(fact: Fact) -> str:
    verdict = fact.verdict.value
    if fact.verdict is not Verdict.SAME:
        verdict = f"**{verdict}**"
    text = fact.text.replace("|", "\\|")
    return f"| {_cell(fact.name)} | {verdict} | {text} |\n".replace("|  |", "| |")


def _cell(name: str) -> str:
    """Names of code in code type; what is a sentence stays one."""
    if ":" in name or (name[:1].islower() and " " in name and "," not in name):
        return name
    return ", ".join(f"`{part}`" for part in name.split(", "))
