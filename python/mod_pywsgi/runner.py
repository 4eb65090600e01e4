"""Running the server in the foreground."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from mod_pywsgi import log
from mod_pywsgi.plan import Plan

# Passed on to Apache: what arrives, and what it is told. Apache ends at once at SIGTERM,
# and only then, so that Ctrl-C is turned into that. A change of the terminal's size
# (SIGWINCH would end Apache) reaches only this process, as Apache has a group of its own.
_FORWARDED = {
    signal.SIGINT: signal.SIGTERM,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGHUP,
    signal.SIGUSR1: signal.SIGUSR1,
}
_LOG_LINES = 20  # of the log, shown when the server ends in failure


def has_terminal() -> bool:
    """Whether a person is watching."""
    return sys.stdout.isatty()


def run(plan: Plan) -> int:
    """Run the server until it ends.

    With a terminal Apache is a child and signals are passed on to it; otherwise, and in
    debug mode, it takes the place of this process, so that a container or a service
    manager deals with Apache itself.

    :return: the exit code; never returns where Apache takes this process's place.
    """
    how = "-X" if plan.debug else "-DFOREGROUND"
    command = [str(plan.paths.apachectl), "start", how]
    if plan.debug or not has_terminal():
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    log_size = _size(plan.error_log)
    code = _supervise(command)
    if code != 0:
        _show_log(plan.error_log, log_size)
    return code


def _supervise(command: list[str]) -> int:
    """Start the child, pass signals on until it has ended, and collect every child."""
    watched = {*_FORWARDED, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)

    def in_child() -> None:
        os.setpgrp()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    child = subprocess.Popen(command, preexec_fn=in_child)  # noqa: S603
    interrupts = 0
    while True:
        received = signal.sigwait(watched)
        if received == signal.SIGCHLD:
            code = _collect(child.pid)
            if code is not None:
                return code
            continue
        if received == signal.SIGINT:
            interrupts += 1
            if interrupts > 1:
                os.killpg(child.pid, signal.SIGKILL)
                continue
            log.note("stopping (Ctrl-C again to kill)")
        os.kill(child.pid, _FORWARDED[signal.Signals(received)])


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


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _show_log(path: str, start: int) -> None:
    """Show the end of what the server logged since it was started."""
    if not os.path.isfile(path):
        return
    with Path(path).open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    log.note(f"the server ended; from {path}:")
    for line in lines[-_LOG_LINES:]:
        print(f"  {line}", file=sys.stderr)
