"""The layout of `--help`: commands and options under the headings of what they are about."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click

Row = tuple[str, str]


class SectionedOption(click.Option):
    """An option that stands under a heading of its own."""

    def __init__(self, *words: Any, section: str, **named: Any) -> None:
        super().__init__(*words, **named)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose options stand under the names of their sections."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what is the command's own first, then the sections in the table's order."""
        rows = list(self._rows(context))
        own = [row for section, row in rows if section is None]
        with formatter.section("Options"):
            formatter.write_dl(own)
        rest = [(section, row) for section, row in rows if section is not None]
        for section, members in groupby(rest, key=lambda row: row[0]):
            with formatter.section(section):
                formatter.write_dl([row for _, row in members])

    def _rows(self, context: click.Context) -> Iterator[tuple[str | None, Row]]:
        for option in self.get_params(context):
            shown = option.get_help_record(context) if isinstance(option, click.Option) else None
            if shown is not None:
                yield getattr(option, "section", None), shown


class SectionedGroup(click.Group):
    """A group whose commands stand under headings: `sections`, in the order as shown."""

    sections: tuple[tuple[str, tuple[click.Command, ...]], ...] = ()

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command that is not hidden."""
        shown = [(title, [row for row in rows if not row.hidden]) for title, rows in self.sections]
        longest = max(len(row.name or "") for _, rows in shown for row in rows)
        for title, rows in shown:
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{row.name}".ljust(longest), row.get_short_help_str(100)) for row in rows]
                )
