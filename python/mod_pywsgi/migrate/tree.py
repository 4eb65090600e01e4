"""The files of a configuration: one, or all below a directory. Nothing outside is looked at."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BACKUP = ".before-mod_pywsgi"
LARGEST = 16 << 20


@dataclass(frozen=True)
class File:
    """A file that was read; ``data`` is what was in it then."""

    path: Path
    data: bytes

    @property
    def text(self) -> str:
        """Bytes that are not UTF-8 survive the way back."""
        return decode(self.data)


@dataclass(frozen=True)
class Skipped:
    """A file that was not read, and why."""

    path: Path
    why: str


def decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def files(root: Path) -> Iterator[File | Skipped]:
    """Read ``root``, or what is below it, in order of name.

    A link that leads to another place below ``root`` is left out, since the file is met there.
    """
    if not root.is_dir():
        yield _read(root.resolve())
        return
    inside = root.resolve()
    for path in _below(root):
        if isinstance(path, Skipped):
            yield path
        elif path.is_symlink():
            if problem := _outside(path, inside):
                yield Skipped(path, problem)
        elif not _is_backup(path):
            yield _read(path)


def _below(directory: Path) -> Iterator[Path | Skipped]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        yield Skipped(directory, _reason(error))
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path))
        else:
            yield Path(entry.path)


def _outside(link: Path, inside: Path) -> str | None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that leads nowhere"
    if target.is_relative_to(inside):
        return None
    return f"a link that leads outside, to {target}"


def _is_backup(path: Path) -> bool:
    name = path.name.rstrip("0123456789").rstrip(".")
    return name.endswith(BACKUP)


def _read(path: Path) -> File | Skipped:
    try:
        # Not a pipe: opening one would wait for its other end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Skipped(path, "not a regular file")
        if os.stat(path).st_size > LARGEST:
            return Skipped(path, "larger than any configuration")
        data = path.read_bytes()
    except OSError as error:
        return Skipped(path, _reason(error))
    if b"\0" in data:
        return Skipped(path, "binary")
    return File(path, data)


def _reason(error: OSError) -> str:
    return f"cannot be read: {error.strerror}"
