"""What the commands for a running server print, and their exit codes.

0 it is done; 1 it was tried and did not work: the new code does not start, the server does not
stop; 2 the server was not found or refused, or the command line is wrong.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mod_pywsgi import log, servers
from mod_pywsgi.control import (
    Control,
    ControlError,
    Ending,
    GroupStatus,
    Outcome,
    ProcessStacks,
    ProcessStatus,
    ServerStatus,
)

_HEAD = ("PID", "STATE", "AGE", "REQUESTS", "ACTIVE", "RSS", "PSS")
_SERVICE = "service:"  # how express begins the names of groups for services
_NUMBERS = frozenset({"PID", "REQUESTS", "ACTIVE", "RSS", "PSS"})


def status(control: Control, *, as_json: bool) -> int:
    """Print what the server does."""
    found = control.status()
    if as_json:
        _say_json(found.document)
    else:
        log.say("\n".join(_server(found)))
    return 0


def replace(control: Control, verb: str, group: str | None, *, as_json: bool) -> int:
    """Reload or restart, wait, and say how it went."""
    progress = _Progress(control, group)
    carry_out = control.reload if verb == "reload" else control.restart
    try:
        outcome = carry_out(group, on_wait=progress.show if sys.stderr.isatty() else None)
    except KeyboardInterrupt:
        progress.end()
        log.note(f"not waited for any longer; the {verb} goes on")
        raise
    progress.end()
    if as_json:
        _say_json(outcome.document)
    else:
        _say_outcome(outcome, verb)
    return 0 if outcome.ok else 1


def scale(control: Control, words: Sequence[str], *, as_json: bool) -> int:
    """Change the number of processes: ``[GROUP] NUMBER`` or ``[GROUP] MIN-MAX``."""
    *names, number = words
    group = names[0] if names else _only_group(control)
    document = control.ask("scale", group, number)
    if as_json:
        _say_json(document)
    elif document.get("ok") is True:
        least, most = document["least"], document["most"]
        count = str(least) if least == most else f"{least} to {most}"
        log.say(
            f"{_clean(group)}: {count} {'process' if count == '1' else 'processes'} from now on"
        )
    if document.get("ok") is not True:
        raise ControlError(str(document.get("error")))
    return 0


def stacks(control: Control, group: str | None, *, as_json: bool) -> int:
    """Print the stacks of all threads of all processes."""
    found = control.stacks(group)
    if as_json:
        _say_json({"processes": [vars(each) for each in found]})
        return 0
    if not found:
        log.say("There are no processes.")
    for each in found:
        log.say(_process_stacks(each))
    return 0


def stop(found: servers.Found, patience: float) -> int:
    """Stop a server of express."""
    if servers.stop(found, patience):
        log.say(f"The server of {found.paths.root} (process {found.pid}) has stopped.")
        return 0
    log.note(f"process {found.pid} does not end; as a last resort: kill -KILL {found.pid}")
    return 1


def _only_group(control: Control) -> str:
    """The group of the application: programs beside it are not what is to be scaled."""
    groups = [group.name for group in control.status().groups]
    groups = [name for name in groups if not name.startswith(_SERVICE)] or groups
    if len(groups) != 1:
        raise ControlError(
            "The server has several process groups. Name one of them:",
            "\n".join(map(_clean, groups)),
        )
    return groups[0]


def _say_json(document: Mapping[str, Any]) -> None:
    log.say(json.dumps(document, indent=2))


class _Progress:
    """One line on the terminal that follows a reload."""

    def __init__(self, control: Control, group: str | None) -> None:
        self._control = control
        self._group = group
        self._is_shown = False

    def show(self) -> None:
        try:
            groups = self._control.status().groups
        except ControlError:
            return  # the answer that is waited for will say what is wrong
        chosen = [group for group in groups if self._group in (None, group.name)]
        texts = [f"{_clean(group.name)} {_replaced(group)}" for group in chosen]
        print(f"\r\033[K{log.PROGRAM}: {', '.join(texts)}", end="", file=sys.stderr, flush=True)
        self._is_shown = True

    def end(self) -> None:
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _replaced(group: GroupStatus) -> str:
    old = sum(process.due and process.state != "draining" for process in group.processes)
    return f"{group.reload.replaced} of {group.reload.replaced + old} replaced"


# Texts


def _server(found: ServerStatus) -> Iterator[str]:
    state = {"running": "running", "retiring": "being restarted"}.get(found.state, found.state)
    yield (
        f"Server {state} for {_span(found.uptime)}: process {found.pid}, generation"
        f" {found.generation} of its configuration, mod_pywsgi {_clean(found.version)}"
    )
    for group in found.groups:
        yield ""
        yield from _group(group)


def _group(group: GroupStatus) -> Iterator[str]:
    ready = sum(process.state == "ready" for process in group.processes)
    size = "" if group.least == group.most else f" ({group.least} to {group.most})"
    yield (
        f"{_clean(group.name)}: {ready} of {group.wanted} processes ready{size},"
        f" {group.threads} threads each, user {_clean(group.user)}"
    )
    yield from _troubles(group)
    if group.processes:
        rows = [_HEAD, *map(_process, group.processes)]
        yield from _table(rows)


def _troubles(group: GroupStatus) -> Iterator[str]:
    if group.wanted == 0:
        yield "  asleep: the next request starts a process"
    if group.waiting:
        most = f", of at most {group.queue_size}" if group.queue_size else ""
        yield f"  {_count(group.waiting, 'request waits', 'requests wait')} for a thread{most}"
    if group.reload.state == "running":
        yield f"  a reload is under way, {_replaced(group)}"
    if group.reload.state == "failed":
        yield "  the last reload failed: old code is served, and it is tried again"
    if group.served_by_predecessor:
        yield "  the processes of the configuration before still serve"
    if group.failures:
        soon = "" if group.retry_in is None else f"; again in {group.retry_in:.1f} s"
        tries = _count(group.failures, "try", "tries")
        yield f"  new processes do not start, {tries} so far{soon}"
    if group.failure is not None:
        yield from _failure(group.failure)
    if group.last_ending is not None and group.last_ending.ago is not None:
        ending = group.last_ending
        yield f"  process {ending.pid} ended {ending} {_span(group.last_ending.ago)} ago"


def _failure(failure: Ending) -> Iterator[str]:
    words = ":" if failure.log else "; what it said is in the error log"
    yield f"  process {failure.pid} ended {failure} before it was ready{words}"
    yield from (f"    {_clean(line)}" for line in failure.log)


def _process(process: ProcessStatus) -> tuple[str, ...]:
    return (
        str(process.pid),
        process.state + (", to be replaced" if process.due and process.state == "ready" else ""),
        _span(process.age),
        str(process.requests),
        f"{process.active}/{process.capacity}",
        _bytes(process.rss),
        _bytes(process.pss),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for cell, width, name in zip(row, widths, rows[0], strict=True)
        ]
        yield f"  {'  '.join(cells)}".rstrip()


def _say_outcome(outcome: Outcome, verb: str) -> None:
    for group in outcome.groups:
        if group.ok:
            count = _count(group.replaced, "process", "processes")
            log.say(f"{_clean(group.name)}: {count} replaced in {group.seconds:.1f} s")
            continue
        lines = [f"{_clean(group.name)}: not {verb}ed, {group.replaced} replaced"]
        lines += _failure(group.failure) if group.failure else ["  the error log says why"]
        log.note("\n".join(lines))
    if not outcome.ok:
        log.note(f"error: {outcome.error}")


def _process_stacks(found: ProcessStacks) -> str:
    if found.text.strip():
        return f"{_clean(found.text.rstrip())}\n"  # which names the process
    reason = _clean(found.error or "it does not answer")
    return f"Process {found.pid} of group '{_clean(found.group)}', {found.state}: {reason}\n"


def _clean(text: str) -> str:
    """Without what a terminal would obey: applications write names, lines and stacks."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _span(seconds: float) -> str:
    """A time as people say it."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _bytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1048576:.1f} MiB"
