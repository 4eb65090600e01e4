"""The command: read, examine, say, and write if asked to."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mod_pywsgi import artifacts, log
from mod_pywsgi.errors import HttpdError
from mod_pywsgi.migrate import edit, reader, report, rules, tree
from mod_pywsgi.migrate.reader import Line
from mod_pywsgi.migrate.rules import Context, Finding, Kind
from mod_pywsgi.migrate.tree import File, Skipped
from mod_pywsgi.render import quote


def migrate(path: Path, *, write: bool) -> int:
    """Migrate a file or a directory.

    :returns: 0 if nothing is left to do, else 1.
    :raises ConfigError: a file cannot be written.
    """
    files: list[File] = []
    for each in tree.files(path):
        if isinstance(each, Skipped):
            log.say(report.skipped(each))
        else:
            files.append(each)
    lines = [line for file in files for line in reader.read(file.path, file.text)]
    context = _context(path if path.is_dir() else path.parent, lines)
    findings = list(rules.examine(lines, context))
    for found in findings:
        log.say(report.finding(found))
    written = _write(files, findings) if write else None
    findings += _caught(lines, written or (), context)
    log.say(report.summary(findings, len(files), None if written is None else len(written)))
    kinds = {found.kind for found in findings}
    return int(Kind.PERSON in kinds or (Kind.CHANGE in kinds and not write))


def _context(root: Path, lines: Iterable[Line]) -> Context:
    try:
        module = quote(artifacts.find().module)
    except HttpdError:
        module = None
    python = artifacts.python_facts()
    context = Context(module, python.version, sys.base_prefix, root)
    for line in lines:
        if line.name.lower() == "wsgipythonhome":
            context = replace(context, has_home=True)
        if line.name.lower() == "loadmodule" and line.words()[:1] == ["pywsgi_module"]:
            context = replace(context, symbol="pywsgi_module")
    return context


def _write(files: Iterable[File], findings: Iterable[Finding]) -> list[Path]:
    """Write what changes; where each file is kept as it was."""
    backups = []
    for file in files:
        changes = [
            found
            for found in findings
            if found.kind is Kind.CHANGE and found.line.path == file.path
        ]
        if changes:
            backups.append(edit.write(file, changes))
            log.say(f"{file.path}: written; as it was: {backups[-1]}")
    return backups


def _caught(lines: Iterable[Line], backups: Iterable[Path], context: Context) -> list[Finding]:
    """Lines that include a whole directory and so what was kept there."""
    caught = [
        Finding(Kind.PERSON, line, f"includes {backup} too: move that away.")
        for backup in backups
        for line in lines
        if rules.includes(line, backup, context)
    ]
    for found in caught:
        log.say(report.finding(found))
    return caught
