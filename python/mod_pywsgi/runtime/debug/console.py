"""pdb in the terminal that the server was started from.

In debug mode the server is one process in the foreground, and requests run one at a time, so that
a prompt has the terminal for itself. The thread of a request is not the one that gets Ctrl-C:
Apache does, and then waits for the request. So a prompt looks ten times a second whether the
server is about to stop, and is then given the end of the input.
"""

import bdb
import contextlib
import ctypes
import importlib.util
import os
import pdb
import select
import signal
import sys
import termios
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from mod_pywsgi.runtime.debug import page

_INTERVAL = 0.1  # seconds between two looks, as Python's readline calls its hook
_AP_MPMQ_MPM_STATE = 13  # of Apache's ap_mpm.h
_AP_MPMQ_STOPPING = 2
# Where stepping never stops: in what stands between the server and the application.
_SKIPPED = ("mod_pywsgi.runtime*", "importlib*", "_frozen_importlib*", "contextlib", "bdb")


def attach() -> None:
    """Let print() and input() use the terminal, not the log, and every pdb be a Debugger."""
    for name, descriptor, mode in (("stdin", 0, "r"), ("stdout", 1, "w")):
        with contextlib.suppress(OSError):  # it may be closed
            stream = open(descriptor, mode, buffering=1, errors="replace", closefd=False)
            setattr(sys, name, stream)
    pdb.Pdb = Debugger  # type: ignore[assignment, misc]


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    try:
        return os.isatty(0)
    except OSError:
        return False


class Debugger(pdb.Pdb):
    """pdb whose prompt ends when the server does."""

    def __init__(self, **arguments: Any) -> None:
        if not arguments.get("stdin") and not _may_edit_lines():
            arguments |= {"stdin": _Lines(), "stdout": arguments.get("stdout") or sys.stdout}
        # Signals are Apache's: pdb has no handler for Ctrl-C here.
        super().__init__(**{"skip": _SKIPPED, **arguments, "nosigint": True})
        self._awaited = ""

    def cmdloop(self, intro: Any = None) -> None:
        """Ask until a command goes on."""
        with _watched_prompt():
            super().cmdloop(intro)

    def await_module(self, name: str) -> None:
        """Stop at the first line of a module, or of the package it is in, in this thread."""
        self._awaited = name.partition(".")[0]
        self.set_trace(sys._getframe().f_back)

    def stop_here(self, frame: FrameType) -> bool:
        """As bdb asks at each step."""
        if self._awaited:
            if str(frame.f_globals.get("__name__")).partition(".")[0] != self._awaited:
                return False
            self._awaited = ""
        return super().stop_here(frame)

    def watch_calls(self) -> None:
        """Stop at breakpoints in what this thread calls from now on."""
        self.reset()
        self.botframe = sys._getframe()
        self._set_stopinfo(self.botframe, None, -1)  # type: ignore[attr-defined]
        sys.settrace(self.trace_dispatch)


@contextlib.contextmanager
def breakpoints() -> Iterator[None]:
    """Have the breakpoints of earlier prompts hold in this thread."""
    if bdb.Breakpoint.bplist and sys.gettrace() is None:
        Debugger().watch_calls()
    yield


def start(load: Callable[[], Any], module: str) -> Any:
    """Load the application under the debugger, which stops at its first line.

    :param module: the first that it imports.
    :raises bdb.BdbQuit: the user quit.
    :raises: whatever loading it raises.
    """
    _say("the debugger stops at the first line of the application; c goes on, q ends the server")
    Debugger().await_module(module)
    try:
        return load()
    finally:
        if not bdb.Breakpoint.bplist:
            sys.settrace(None)


def post_mortem(error: BaseException) -> None:
    """Show the exception, and ask at the frame where it was raised."""
    trace = page.own_part(error.__traceback__)
    _say("".join(traceback.format_exception_only(type(error), error)).rstrip())
    _say("post mortem: q goes on, Ctrl-C ends the server")
    debugger = Debugger(skip=None)
    debugger.reset()
    debugger.interaction(None, trace)


def stop_server() -> None:
    """Have Apache end this server in good order."""
    os.kill(os.getpid(), signal.SIGTERM)


def is_stopping() -> bool:
    """Whether Apache ends, or will as soon as it is able to."""
    if signal.sigpending() & {signal.SIGINT, signal.SIGTERM}:
        return True
    query = _mpm_query()
    state = ctypes.c_int()
    return bool(
        query
        and query(_AP_MPMQ_MPM_STATE, ctypes.byref(state)) == 0
        and state.value == _AP_MPMQ_STOPPING
    )


def _mpm_query() -> Any:
    try:
        return ctypes.CDLL(None).ap_mpm_query
    except (AttributeError, OSError):
        return None  # this is not Apache


def _say(text: str) -> None:
    print(text, flush=True)


def _may_edit_lines() -> bool:
    """Whether input() would offer history and completion, by readline."""
    if importlib.util.find_spec("readline") is None:
        return False
    try:
        return os.isatty(sys.stdin.fileno()) and os.isatty(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return False


class _Lines:
    """Standard input where there is no readline: waits for a line or for the end of the server."""

    def readline(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([0], [], [], _INTERVAL)[0]:
                if is_stopping():
                    return ""
                continue
            piece = os.read(0, 1)
            if not piece:
                break
            line += piece
        return line.decode(errors="replace")


@contextlib.contextmanager
def _watched_prompt() -> Iterator[None]:
    """While it lasts, readline meets the end of the input once the server is to stop."""
    if not _may_edit_lines():
        yield
        return
    attributes = termios.tcgetattr(0)
    hook = ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook")
    before = hook.value
    terminal = os.dup(0)
    callback = ctypes.CFUNCTYPE(ctypes.c_int)(_end_input_if_stopping)
    hook.value = ctypes.cast(callback, ctypes.c_void_p).value
    try:
        yield
    finally:
        hook.value = before
        # Readline's own settings, which it cannot take back where its input was taken away.
        termios.tcsetattr(terminal, termios.TCSADRAIN, attributes)
        os.close(terminal)


def _end_input_if_stopping() -> int:
    """What readline calls while it waits."""
    if is_stopping():
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
    return 0
