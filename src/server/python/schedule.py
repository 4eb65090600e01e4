"""schedule= of a process group: starts a run of its job at each of its times, as a process of
its own, and says what became of it.

The server executes this file in the main interpreter of a process that serves nothing else, as
no module: `prepare` before the process counts as ready, then `run` of what that gave.
"""

import os
import select
import signal
import sys
import time
import warnings
from datetime import datetime, timezone

NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Seconds after which the clock is looked at again, whatever it said before.
LOOK = 60
# A clock that is put back by less is waited for, so that no run comes twice.
PUT_BACK = 3 * 3600
LOCALTIME = "/etc/localtime"


class Refusal(Exception):
    """Why the job cannot run at all, as a sentence."""


def load_library():
    try:
        import cronsim
    except ImportError:
        python = f"{sys.prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
        raise Refusal(
            "schedule= needs the package cronsim, which this Python does not have: run "
            f"'{python} -m pip install cronsim'."
        ) from None
    return cronsim


def find_zone(name):
    """The zone of TZ; None: of the system."""
    if name in ("", "UTC", "UTC0"):
        return timezone.utc
    from zoneinfo import ZoneInfo

    path = LOCALTIME if name is None else name.lstrip(":")
    try:
        if not path.startswith("/"):
            return ZoneInfo(path)
        with open(path, "rb") as file:
            return ZoneInfo.from_file(file, path)
    except (OSError, KeyError, ValueError) as error:
        if name is None and isinstance(error, FileNotFoundError):
            return timezone.utc
        raise Refusal(
            f"TZ '{path}' is no time zone that this system knows: put the name of one into "
            "env=TZ=NAME, as Europe/Berlin, and see that the package tzdata is there."
        ) from None


def prepare(server):
    """The job; raises Refusal."""
    library = load_library()
    zone = find_zone(os.environ.get("TZ"))
    expression = server["schedule"].strip()
    fields = NAMES.get(expression, expression)
    try:
        if fields.startswith("@"):
            raise Refusal(f"'{expression}' is none of {', '.join(NAMES)}.")
        times = Times(library.CronSim, fields, zone)
        times.after(time.time())
    except library.CronSimError as error:
        raise Refusal(f"schedule='{expression}' cannot be read: {error}.") from None
    except StopIteration:
        raise Refusal(f"schedule='{expression}' comes at no time in the next 50 years.") from None
    return Job(server, times)


class Times:
    """The times of a job, in seconds since 1970."""

    def __init__(self, iterate, fields, zone):
        self.iterate = iterate
        self.fields = fields
        self.zone = zone

    def after(self, epoch):
        moments = self.iterate(self.fields, datetime.fromtimestamp(epoch, self.zone))
        # In the hour that comes twice, the library may give a time of the first one.
        return next(at for at in (moment.timestamp() for moment in moments) if at > epoch)

    def show(self, epoch):
        return datetime.fromtimestamp(epoch, self.zone).strftime("%Y-%m-%d %H:%M:%S %Z")


class Run:
    """A process that is at work."""

    def __init__(self, number, pid, outcome):
        self.number = number
        self.pid = pid
        self.outcome = outcome  # what the process says of itself: a pipe
        self.end = os.pidfd_open(pid)
        self.begun = time.monotonic()
        self.told = None  # to end, and why
        self.deadline = None  # when it is told, or killed

    def seconds(self):
        return time.monotonic() - self.begun

    def tell(self, why, grace):
        if self.told is None:
            self.told = why
            self.deadline = time.monotonic() + grace if grace > 0 else None
            os.kill(self.pid, signal.SIGTERM)

    def collect(self):
        """What became of it, and whether that is a failure; None while it is at work."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        try:
            said = os.read(self.outcome, 256).decode("utf-8", "replace")
        except BlockingIOError:
            said = ""  # nothing, and a process that the run left behind holds the pipe
        os.close(self.outcome)
        os.close(self.end)
        if os.WIFSIGNALED(status):
            text = signal_name(os.WTERMSIG(status))
        elif os.WEXITSTATUS(status) != 0:
            text = said or f"exit status {os.WEXITSTATUS(status)}"
        else:
            text = "ok"
        if self.told is None:
            return text, text != "ok"
        return self.told if text == "ok" else f"{self.told}, {text}", self.told == "timed out"


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Job:
    def __init__(self, server, times):
        self.server = server
        self.times = times
        self.now = time.time  # tests have another
        self.number = 0
        self.fired = 0  # the last time that was dealt with
        self.due = times.after(self.now())
        self.current = None  # the run that is at work
        self.is_waiting = False  # another comes right after it
        self.is_told = False  # to end
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def run(self):
        """Until the process is told to end."""
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        signal.signal(signal.SIGTERM, self.note_end)
        self.server["announce"](self.times.show(self.due))
        while not self.is_told:
            self.look()
            self.sleep()
        self.poll.unregister(self.wake)  # which stays as it is
        self.is_waiting = False
        if self.current:
            self.current.tell("stopped", self.server["shutdown_timeout"])
        while self.current:
            self.look_after(self.current)
            self.sleep()

    def note_end(self, number, frame):
        # Not an exception, which could come between a fork and what follows it.
        self.is_told = True
        os.eventfd_write(self.wake, 1)

    def sleep(self):
        deadlines = [time.monotonic() + LOOK]
        if not self.is_told:
            deadlines.append(time.monotonic() + self.due - self.now())
        if self.current and self.current.deadline is not None:
            deadlines.append(self.current.deadline)
        if self.current or not self.is_told:
            self.poll.poll(max(0, (min(deadlines) - time.monotonic()) * 1000))

    def look(self):
        if self.current:
            self.look_after(self.current)
        now = self.now()
        is_due = now >= self.due
        missed = self.due
        if self.fired - now > PUT_BACK:
            self.fired = 0
        if is_due:
            self.fired = max(self.due, now)
        # Each time anew: somebody may have set the clock.
        self.due = self.times.after(max(now, self.fired))
        if is_due:
            self.fire(missed)

    def fire(self, due):
        overlap = self.server["overlap"]
        if self.current is None:
            self.begin()
        elif overlap == "skip" or self.is_waiting:
            self.server["report_skipped"](
                self.times.show(due),
                self.current.number,
                self.current.seconds(),
                overlap,
                self.times.show(self.due),
            )
        else:
            self.is_waiting = True
            if overlap == "replace":
                self.current.tell("replaced", self.server["shutdown_timeout"])

    def begin(self):
        self.number += 1
        outcome, saying = os.pipe()
        owner = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other threads, which run no Python code
            pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, self.server["system_exit"])
            self.server["run_job"](owner, saying)  # and ends the process
        os.close(saying)
        os.set_blocking(outcome, False)
        self.current = Run(self.number, pid, outcome)
        self.poll.register(self.current.end, select.POLLIN)
        if self.server["timeout"] > 0:
            self.current.deadline = time.monotonic() + self.server["timeout"]

    def look_after(self, run):
        if run.deadline is not None and time.monotonic() >= run.deadline:
            if run.told is None:
                run.tell("timed out", self.server["shutdown_timeout"])
            else:
                run.deadline = None
                os.kill(run.pid, signal.SIGKILL)
        end = run.end
        ended = run.collect()
        if ended:
            self.poll.unregister(end)
            self.current = None
            text, is_failure = ended
            coming = "no time, the process ends" if self.is_told else self.times.show(self.due)
            self.server["report"](is_failure, run.number, text, run.seconds(), coming)
        if ended and self.is_waiting:
            self.is_waiting = False
            self.begin()
