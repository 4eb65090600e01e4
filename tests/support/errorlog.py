"""The server's error log, and the rule that nothing in it passes unnoticed.

A test that provokes a warning or an error says so with `claim`. Whatever else is there at
level warn or above when the test ends fails it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from support import wait

# What HttpdInstance asks Apache to write; `parse` reads it back.
FORMAT = "[%{u}t] [%-m:%l] [pid %P] [log %-L] [conn %-{c}L] %M"

# What a process writes of its threads when a request takes too long (host/dump).
STACKS = r"\[pid \d+\] (Process \d+ of group|Thread 0x|  |\d+ of \d+ threads wait|$)"

_LINE = re.compile(
    r"\[(?P<time>[^]]*)\] \[(?P<module>[^]:]*):(?P<level>\w+)\] \[pid (?P<pid>\d+)\] "
    r"\[log (?P<log_id>[^]]*)\] \[conn (?P<conn_id>[^]]*)\] (?P<text>.*)\Z",
    re.S,
)
_CODE = re.compile(r"\b(PYW\d{4}|AH\d{5}):")
LEVELS = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
LOUD = frozenset(LEVELS[:5])

# Warnings that are about the machine and not about us.
IGNORED = (
    re.compile(r"AH00098: pid file .* overwritten"),
    re.compile(r"AH10034: The mpm module \(prefork\.c\) is not supported by mod_http2"),
    re.compile(r"AH00045: child process \d+ still did not exit, sending a SIGTERM"),
    re.compile(r"AH01882: Init: this version of mod_ssl"),
)
# Event closes all connections when it stops at once, also one that a thread is about to give back.
AT_ONCE = r"AH10503: .* apr_pollset_add failure in CONN_STATE_ASYNC_WAITIO"
SANITIZER = re.compile(r"(Address|Leak|UndefinedBehavior|Thread|Memory)Sanitizer|runtime error: ")


@dataclass(frozen=True)
class Line:
    """One record. `level` is "" for text that did not come through Apache's logger."""

    raw: str
    time: str = ""
    module: str = ""
    level: str = ""
    pid: int = 0
    log_id: str = ""
    conn_id: str = ""
    text: str = ""

    @property
    def code(self) -> str:
        found = _CODE.search(self.text)
        return found[1] if found else ""

    @property
    def is_loud(self) -> bool:
        return self.level in LOUD or not self.level


def parse(raw: str) -> Line:
    found = _LINE.match(raw)
    if not found:
        return Line(raw=raw, text=raw)
    return Line(
        raw=raw,
        time=found["time"],
        module=found["module"],
        level=found["level"],
        pid=int(found["pid"]),
        log_id=found["log_id"],
        conn_id=found["conn_id"],
        text=found["text"],
    )


@dataclass
class ErrorLog:
    """One log file, read as it grows."""

    path: Path
    lines: list[Line] = field(default_factory=list)
    _claimed: set[int] = field(default_factory=set)
    _allowed: list[re.Pattern[str]] = field(default_factory=list)
    _offset: int = 0
    _rest: bytes = b""
    _mark: int = 0

    def read(self) -> list[Line]:
        """All lines so far."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return self.lines
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        self.lines.extend(parse(raw.decode("utf-8", "replace")) for raw in whole if raw.strip())
        return self.lines

    def mark(self) -> None:
        """A test begins: what came before is not its business."""
        self.read()
        self._mark = len(self.lines)
        self._allowed.clear()

    def since_mark(self) -> list[Line]:
        return self.read()[self._mark :]

    def find(self, what: str) -> list[Line]:
        """Lines since the mark with this code (PYW0123, AH00001) or matching this regex."""
        return [line for _, line in self._matching(what)]

    def _matching(self, what: str) -> list[tuple[int, Line]]:
        is_code = re.fullmatch(r"PYW\d{4}|AH\d{5}", what)
        pattern = re.compile(what)
        self.read()
        return [
            (index, line)
            for index, line in enumerate(self.lines)
            if index >= self._mark and (line.code == what if is_code else pattern.search(line.text))
        ]

    def claim(self, what: str, *, at_least: int = 1, timeout: float = 5.0) -> list[Line]:
        """Wait for lines with this code or text, and take them off the list of surprises."""

        def enough() -> list[tuple[int, Line]]:
            found = self._matching(what)
            return found if len(found) >= at_least else []

        try:
            found = wait.until(enough, f"{at_least} log line(s) matching {what!r}", timeout)
        except wait.Late as late:
            tail = "\n".join(line.raw for line in self.since_mark()[-20:])
            raise AssertionError(f"{late}; the log since the test began:\n{tail}") from None
        self._claimed.update(index for index, _ in found)
        return [line for _, line in found]

    def claim_traceback(self, ending: str, *, timeout: float = 5.0) -> list[Line]:
        """Claim a Python traceback: its head line, its frames, and the line matching `ending`."""
        last = self.claim(ending, timeout=timeout)
        self.allow(r"Traceback \(most recent call last\)|^ {2,}|PYW\d{4}: .*(exception|raised)")
        self.allow(r"During handling of the above|The above exception was the direct cause|^$")
        return last

    def allow(self, pattern: str) -> None:
        """Lines matching `pattern` may or may not come until the test ends."""
        self._allowed.append(re.compile(pattern))

    def surprises(self, ignored: Iterable[re.Pattern[str]] = IGNORED) -> list[Line]:
        """Loud lines since the mark that nobody claimed."""
        patterns = [*ignored, *self._allowed]
        return [
            line
            for index, line in enumerate(self.read())
            if index >= self._mark
            and line.is_loud
            and index not in self._claimed
            and not any(pattern.search(line.text) for pattern in patterns)
        ]

    def sanitizer_reports(self) -> list[Line]:
        return [line for line in self.since_mark() if SANITIZER.search(line.text)]
