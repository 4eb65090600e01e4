"""The report: a line for each finding, with its place, as compilers write it."""

from collections.abc import Iterable, Iterator

from mod_pywsgi.migrate.rules import Finding, Kind
from mod_pywsgi.migrate.tree import Skipped


def finding(found: Finding) -> str:
    """One finding, one line, or two for a change."""
    line = found.line
    place = f"{line.path}:{line.number}: {found.kind.value}: "
    if found.replacement is None:
        return f"{place}{found.text}"
    return f"{place}{found.text}\n    - {line}\n    + {found.replacement}"


def skipped(found: Skipped) -> str:
    """A file that was not read."""
    return f"{found.path}: skipped: {found.why}"


def summary(findings: Iterable[Finding], files: int, written: int | None) -> str:
    """The last line: what is left to do.

    :param files: how many were read.
    :param written: how many were changed; None if nothing was to be written.
    """
    counts = dict.fromkeys(Kind, 0)
    for found in findings:
        counts[found.kind] += 1
    return ". ".join([f"{_count(files, 'file')} read", *_results(counts, written)]) + "."


def _results(counts: dict[Kind, int], written: int | None) -> Iterator[str]:
    changes, todo = counts[Kind.CHANGE], counts[Kind.PERSON]
    if changes and written is None:
        yield f"{_count(changes, 'line')} to change: --write changes them"
    elif written:
        yield f"{_count(changes, 'line')} changed in {_count(written, 'file')}"
    if todo:
        yield f"{_count(todo, 'thing')} to do by hand"
    if not todo and (written is not None or not changes):
        yield "Nothing to do" if not written else "Next: apachectl configtest"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
