"""Running the server in the foreground."""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from mod_pywsgi import log
from mod_pywsgi.plan import Plan
from mod_pywsgi.renewals import INTERVAL, Renewals

# Passed on to Apache: what arrives, and what it is told. Apache ends at once at SIGTERM,
# and only then, so that Ctrl-C is turned into that.
_FORWARDED = {
    signal.SIGINT: signal.SIGTERM,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGHUP,
    signal.SIGUSR1: signal.SIGUSR1,
    signal.SIGWINCH: signal.SIGWINCH,
}
# Apache's graceful stop has the same limit by GracefulShutdownTimeout, looked at each second.
_LATER = 2.0
_AGAIN = 1.0  # seconds between two SIGTERMs, until Apache has ended
_RESTARTS = (signal.SIGHUP, signal.SIGUSR1)
_LOG_LINES = 20  # of the log, shown when the server ends in failure
_PR_SET_PDEATHSIG = 1


def has_terminal() -> bool:
    """Whether a person is watching."""
    return sys.stdout.isatty()


def end_at_sigterm() -> None:
    """Let SIGTERM end this process before the server runs: as process 1 it would be ignored."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)


def run(plan: Plan) -> int:
    """Run the server until it ends.

    Apache is a child, and signals are passed on to it. Without a terminal, or as process 1
    of a container, SIGTERM lets running requests finish. In debug mode Apache takes the
    place of this process instead, so that a debugger has the terminal.

    :return: the exit code; never returns where Apache takes this process's place.
    """
    how = "-X" if plan.debug else "-DFOREGROUND"
    # By its interpreter, as a temporary directory may be mounted noexec: Docker's --tmpfs is.
    command = [str(plan.script.shell), str(plan.paths.apachectl), "start", how]
    sys.stdout.flush()
    sys.stderr.flush()
    _append()
    if plan.debug:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    is_service = not has_terminal() or os.getpid() == 1
    file = plan.logs.error_file
    log_size = _size(file) if file else 0
    renewals = Renewals(plan.tls.acme.store) if plan.tls and plan.tls.acme else None
    code = _supervise(command, plan.limits.stop_timeout if is_service else 0, renewals)
    if code != 0 and file:
        _show_log(file, log_size)
    return code


def _append() -> None:
    """Where output goes to a file, write behind what Apache has written there by itself."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # it may be closed
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
                fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)


def _supervise(command: list[str], grace: int = 0, renewals: Renewals | None = None) -> int:
    """Start the child, pass signals on until it has ended, and collect every child.

    :param grace: seconds that running requests have at SIGTERM; 0 for an end at once.
    :param renewals: of certificates, each of which takes a graceful restart.
    """
    watched = {*_FORWARDED, signal.SIGCHLD}
    if has_terminal():
        # A change of its size, which would end Apache; that has a process group of its own.
        watched.remove(signal.SIGWINCH)
    # Ignored, as some parents leave it behind, it would not come, nor any exit status.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = _start(command, watched)
    deadline = None
    interrupts = 0
    while True:
        received = _next(watched, deadline, renewals, child.pid)
        if received == signal.SIGCHLD:
            code = _collect(child.pid)
            if code is not None:
                return code
            continue
        if received is None:
            received = signal.SIGTERM
        elif received == signal.SIGTERM and grace > 0 and _heeds(child.pid, signal.SIGWINCH):
            log.note(f"stopping: running requests have {grace} s")
            deadline = time.monotonic() + grace + _LATER
            grace = 0  # at the next, at once
            received = signal.SIGWINCH
        elif received == signal.SIGINT:
            interrupts += 1
            if interrupts > 1:
                os.killpg(child.pid, signal.SIGKILL)
                continue
            log.note("stopping (Ctrl-C again to kill)")
        sent = _FORWARDED[received]
        if sent in _RESTARTS and not _heeds(child.pid, sent):
            continue  # it would end it: it only begins, and reads what there is to read
        os.kill(child.pid, sent)
        if sent == signal.SIGTERM:
            # Apache forgets one that comes just as it begins a graceful stop.
            deadline = time.monotonic() + _AGAIN


def _next(
    watched: set[signal.Signals], deadline: float | None, renewals: Renewals | None, child: int
) -> signal.Signals | None:
    """The next signal; None when the deadline has come.

    While there is none, new certificates are taken into use.
    """
    while renewals and deadline is None:
        received = _await(watched, time.monotonic() + INTERVAL)
        if received is not None:
            return received
        _activate(renewals, child)
    return _await(watched, deadline)


def _activate(renewals: Renewals, child: int) -> None:
    if renewals.are_due() and _heeds(child, signal.SIGUSR1):
        log.note("there is a new certificate: graceful restart")
        os.kill(child, signal.SIGUSR1)


def _heeds(child: int, number: signal.Signals) -> bool:
    """Whether it has a handler for the signal: Apache has none until it serves."""
    try:
        status = Path(f"/proc/{child}/status").read_text()
    except OSError:
        return True
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return found is None or bool(int(found[1], 16) >> (number - 1) & 1)


def _start(command: list[str], watched: set[signal.Signals]) -> subprocess.Popen[bytes]:
    """Start the child; from now on the signals wait to be taken.

    :return: to be kept while it runs: when it goes, it collects the child itself.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    libc = ctypes.CDLL(None)
    parent = os.getpid()
    # A service manager that means this process by it has Apache's signs of life instead.
    environment = {name: text for name, text in os.environ.items() if name != "WATCHDOG_PID"}

    def in_child() -> None:
        os.setpgrp()
        # However this process ends, Apache ends with it, and frees the port.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return subprocess.Popen(command, env=environment, preexec_fn=in_child)  # noqa: S603


def _await(watched: set[signal.Signals], deadline: float | None) -> signal.Signals | None:
    """The next signal; None when the deadline has come."""
    if deadline is None:
        return signal.Signals(signal.sigwait(watched))
    found = signal.sigtimedwait(watched, max(0.0, deadline - time.monotonic()))
    return signal.Signals(found.si_signo) if found else None


def _collect(child: int) -> int | None:
    """Collect children that ended, adopted ones too: this may be process 1 of a container.

    :return: the exit code of the one that matters, None while it runs.
    """
    result = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return result
        if pid == 0:
            return result
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            result = 128 - code if code < 0 else code


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _show_log(path: Path, start: int) -> None:
    """Show the end of what the server logged since it was started."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    log.note(f"the server ended; from {path}:")
    for line in lines[-_LOG_LINES:]:
        print(f"  {line}", file=sys.stderr)
