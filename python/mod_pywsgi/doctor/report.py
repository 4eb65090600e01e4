"""What was found, for people and for programs."""

from collections.abc import Iterable, Iterator
from typing import Any

from mod_pywsgi.doctor.model import FAILURE, HINT, OK, SKIPPED, Check, Finding

_MARKS = {OK: "ok", HINT: "hint", FAILURE: "FAILS", SKIPPED: "-"}
_INDENT = " " * 8

Findings = Iterable[tuple[Check, list[Finding]]]


def lines(findings: Findings) -> Iterator[str]:
    """A line for each finding, and below it what to do."""
    counts = dict.fromkeys(_MARKS, 0)
    for check, found in findings:
        for finding in found:
            counts[finding.level] += 1
            yield f"{_MARKS[finding.level]:<6}{check.name}: {finding.text}"
            if finding.level != OK:
                yield from (f"{_INDENT}{line}" for line in finding.remedy.splitlines())
    failures, hints = counts[FAILURE], counts[HINT]
    yield ""
    if failures:
        yield f"{_count(failures, 'thing')} must be mended before a server works; {_hints(hints)}."
    else:
        yield f"A server will work; {_hints(hints)}."


def _hints(count: int) -> str:
    return _count(count, "hint") if count else "no hints"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def document(findings: Findings) -> dict[str, Any]:
    """The same, for programs."""
    checks = [
        {
            "check": check.name,
            "level": finding.level,
            "text": finding.text,
            "remedy": finding.remedy,
        }
        for check, found in findings
        for finding in found
    ]
    return {"ok": all(check["level"] != FAILURE for check in checks), "checks": checks}
