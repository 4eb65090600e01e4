"""Writing the changes: each file at once or not at all, with what it was beside it."""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.migrate import reader, tree
from mod_pywsgi.migrate.rules import Finding
from mod_pywsgi.migrate.tree import File


def changed(text: str, findings: Iterable[Finding]) -> str:
    """The text of a file with the replacements of its findings."""
    lines = reader.split(text)
    for finding in sorted(findings, key=lambda each: each.line.number, reverse=True):
        line = finding.line
        start, end = line.number - 1, line.number - 1 + line.count
        last = lines[end - 1]
        ending = last[len(last.rstrip("\r\n")) :]
        lines[start:end] = [f"{line.indent}{finding.replacement}{ending}"]
    return "".join(lines)


def write(file: File, findings: Iterable[Finding]) -> Path:
    """Replace a file by its changed text. Owner and mode stay.

    :returns: where what it was is kept.
    :raises ConfigError: it cannot be written, or is not any more what was read.
    """
    path = file.path
    data = tree.encode(changed(file.text, findings))
    try:
        if path.read_bytes() != file.data:
            raise ConfigError(f"{path} has just been changed by somebody else: run this again.")
        backup = _keep(path, file.data)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            _create(temporary, data, path)
            os.replace(temporary, path)
        except OSError:
            _remove(temporary)
            _remove(backup)
            raise
        _sync(path.parent)
    except OSError as error:
        raise ConfigError(f"{path} cannot be changed: {error.strerror}.") from None
    return backup


def _keep(path: Path, data: bytes) -> Path:
    """A copy beside a file, under the first name that is free."""
    number = 0
    while True:
        suffix = f".{number}" if number else ""
        backup = path.with_name(f"{path.name}{tree.BACKUP}{suffix}")
        try:
            _create(backup, data, path)
        except FileExistsError:
            number += 1
            continue
        return backup


def _create(path: Path, data: bytes, like: Path) -> None:
    """A new file with the owner, mode and attributes of another, on the disk before this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            status = os.stat(like)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            shutil.copystat(like, path)
            os.utime(path)
            os.fsync(file.fileno())
    except OSError:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _sync(directory: Path) -> None:
    """A rename lasts once its directory is on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
