"""The pages that are tables: of options, and of what became of mod_wsgi's names."""

from pathlib import Path
from typing import Any

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.migrate import page as migrating
from mod_pywsgi.options import OPTIONS, Option

BEGIN = "<!-- options: written by `mod-pywsgi-express docs`, not by hand -->"
END = "<!-- end of options -->"


def options_table() -> str:
    """Markdown: a table for each section."""
    parts: list[str] = []
    section = None
    for option in (row for row in OPTIONS if not row.hidden):
        if option.section != section:
            section = option.section
            parts.append(f"\n### {section}\n\n| Option | Default | Meaning |\n|---|---|---|\n")
        parts.append(_row(option))
    return "".join(parts).lstrip("\n")


def _row(option: Option[Any]) -> str:
    words = " ".join([option.flag, *option.metavar]).replace("|", "\\|")
    repeated = " (repeatable)" if option.repeats else ""
    meaning = option.help.replace("|", "\\|")
    return f"| `{words}`{repeated} | {_default(option)} | {meaning} |\n"


def _default(option: Option[Any]) -> str:
    if option.default_note:
        return option.default_note
    if option.is_flag:
        return "on" if option.default else "off"
    if option.default is None or option.default == ():
        return "none"
    return f"`{option.default}`"


_PARTS = ((BEGIN, END, options_table), (migrating.BEGIN, migrating.END, migrating.tables))


def insert(page: str) -> str:
    """A page with its part between the marks of a table replaced.

    :raises ConfigError: it has no marks.
    """
    for begin, end, table in _PARTS:
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if found and closed:
            return f"{before}{begin}\n\n{table()}\n{end}{after}"
    raise ConfigError(f"The page has no part between {BEGIN!r} and {END!r}.")


def update(path: Path) -> None:
    """Rewrite a page in place."""
    path.write_text(insert(path.read_text(encoding="utf-8")), encoding="utf-8")
