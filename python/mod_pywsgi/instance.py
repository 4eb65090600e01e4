"""The server root on disk: ours alone, without symbolic links, each file written in one go.

The directory is open to nobody but its owner. Where root starts a server that runs as
somebody else, that user's group may pass through it (not list it), to reach what it
needs: the sockets, the handler script and the files to serve.
"""

import contextlib
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import InstanceError
from mod_pywsgi.identity import Identity
from mod_pywsgi.plan import Paths, Plan

MANIFEST = ".mod_pywsgi"


@dataclass(frozen=True)
class File:
    """A file to write.

    :param executable: it is a program; :param shared: the application's user reads it.
    :param keep: it belongs to the user once it exists.
    """

    text: str
    executable: bool = False
    shared: bool = False
    keep: bool = False


def write(plan: Plan, files: Mapping[str, File]) -> None:
    """Create or refresh the server root.

    :raises InstanceError: the directory is not ours to use, or cannot be written.
    """
    root = plan.paths.root
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        directory = _open_root(plan)
        try:
            _fill(directory, plan, files)
            if plan.telemetry.ui_url:
                _own_directory(directory, plan.paths.telemetry.name, plan.identity)
            if plan.interpreter.makes_eggs:
                _own_directory(directory, plan.paths.python_eggs.name, plan.identity)
        finally:
            os.close(directory)
    except OSError as error:
        raise InstanceError(
            f"Cannot write the server root {root}: {error.strerror}.",
            "Choose another with --server-root.",
        ) from None


def _open_root(plan: Plan) -> int:
    """Open the directory and make sure that it is ours.

    :return: a descriptor, through which everything else is done.
    """
    root = plan.paths.root
    created = True
    try:
        os.mkdir(root, 0o700)
    except FileExistsError:
        created = False
    try:
        directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (NotADirectoryError, OSError) as error:
        if created or not os.path.lexists(root):
            raise
        if os.path.islink(root) or not os.path.isdir(root):
            raise _refusal(plan, "it is not a directory") from None
        raise error
    try:
        if not created:
            _require_ours(plan, directory)
        _give(directory, plan.identity, 0o710)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _require_ours(plan: Plan, directory: int) -> None:
    status = os.fstat(directory)
    if status.st_uid != os.geteuid():
        raise _refusal(plan, "it belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refusal(plan, "others may write to it")
    entries = os.listdir(directory)
    if entries and MANIFEST not in entries:
        raise _refusal(plan, "it holds files that are not ours")


def _refusal(plan: Plan, reason: str) -> InstanceError:
    return InstanceError(
        f"{plan.paths.root} cannot be the server root: {reason}.",
        "Choose a new or empty directory with --server-root.",
    )


def _fill(directory: int, plan: Plan, files: Mapping[str, File]) -> None:
    identity = plan.identity
    for name in _previous(directory) - files.keys():
        _remove(directory, name)
    written = [(path.name, 0o770) for path in plan.tools.own_directories(plan.paths.root)]
    for name, mode in (("run", 0o710), ("htdocs", 0o750), *written):
        _subdirectory(directory, name, identity, mode)
    # First, so that a root that was left half written is still known as ours.
    _replace(directory, MANIFEST, _manifest(files), 0o600, identity, shared=False)
    for name, file in files.items():
        if file.keep and _exists(directory, name):
            continue
        mode = 0o700 if file.executable else 0o600
        _replace(directory, name, file.text, mode, identity, shared=file.shared)


def _manifest(files: Mapping[str, File]) -> str:
    generated = [name for name, file in files.items() if not file.keep]
    return "".join(f"{name}\n" for name in sorted(generated))


def _previous(directory: int) -> set[str]:
    """The files that the last run generated."""
    try:
        descriptor = os.open(MANIFEST, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return set()
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        return {line.strip() for line in file if line.strip() and "/" not in line}


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _subdirectory(directory: int, name: str, identity: Identity, mode: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=directory)
    except FileExistsError:
        pass
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=directory)
    try:
        _give(descriptor, identity, mode)
    finally:
        os.close(descriptor)


def _own_directory(directory: int, name: str, identity: Identity) -> None:
    """A directory that is the application's to write to."""
    _subdirectory(directory, name, identity, 0o700)
    if identity.drops:
        os.chown(name, identity.uid, identity.gid, dir_fd=directory, follow_symlinks=False)


def _give(descriptor: int, identity: Identity, mode: int) -> None:
    """Set the mode; the group's part of it only where the server runs as somebody else."""
    if identity.drops:
        os.fchown(descriptor, 0, identity.gid)
        os.fchmod(descriptor, mode)
    else:
        os.fchmod(descriptor, mode & 0o700)


def _replace(
    directory: int, name: str, text: str, mode: int, identity: Identity, *, shared: bool
) -> None:
    """Write a file beside the old one and put it in its place."""
    temporary = f".{name}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            _give(descriptor, identity, mode | (0o040 if shared else 0))
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        _remove(directory, temporary)
        raise


# Logs


def prepare_logs(plan: Plan) -> None:
    """Make the directory of the logs, and room for those whose plain name will be a link.

    :raises InstanceError: the directory cannot be made, or written to.
    """
    directory = plan.logs.directory
    try:
        if directory:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        for file in plan.logs.rotated:
            _keep_old(file)
    except OSError as error:
        raise InstanceError(
            f"Cannot write logs to {directory or plan.paths.root}: {error.strerror}.",
            "Choose another directory with --log-directory.",
        ) from None


def _keep_old(file: Path) -> None:
    """Rename a log that was written before logs were rotated: rotatelogs would remove it."""
    with contextlib.suppress(FileNotFoundError):
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            when = time.strftime("%Y-%m-%d-%H_%M_%S", time.gmtime(status.st_mtime))
            file.rename(f"{file}.{when}")


# Servers that run


def temporary_directory() -> Path:
    """Where server roots are by default."""
    return Path(os.environ.get("TMPDIR") or tempfile.gettempdir()).absolute()


def is_ours(root: Path) -> bool:
    """Whether a server root is a directory that nobody but this user could have written."""
    with contextlib.suppress(OSError):
        status = root.lstat()
        others = stat.S_IWGRP | stat.S_IWOTH
        return (
            stat.S_ISDIR(status.st_mode)
            and status.st_uid == os.geteuid()
            and not status.st_mode & others
        )
    return False


def running(paths: Paths) -> int | None:
    """The process of the server that runs from a server root; None where none does."""
    try:
        pid = int(_pid_file(paths).read_text())
    except (OSError, ValueError):
        return None
    return pid if is_server(paths, pid) else None


def _pid_file(paths: Paths) -> Path:
    """Where the number is: commands know no more of the server than its root."""
    if paths.given_pid_file is None and not paths.pid_file.exists():
        with contextlib.suppress(OSError):
            return Path(paths.pid_file_note.read_text().strip())
    return paths.pid_file


def is_server(paths: Paths, pid: int) -> bool:
    """Whether a process is the server of that server root."""
    if pid <= 0:
        return False  # which kill() would take for a crowd
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError):
        return False
    words = _command_line(pid)
    return words is None or os.fsencode(paths.conf) in words


def is_single_process(pid: int) -> bool:
    """Whether a server runs in debug mode: one process, which knows no graceful stop."""
    return b"-X" in (_command_line(pid) or ())


def _command_line(pid: int) -> list[bytes] | None:
    """None where there is no way to tell."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
