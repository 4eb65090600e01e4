"""What a person wants to know about the server that is about to start."""

from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi.discover import Target
from mod_pywsgi.plan import Plan
from mod_pywsgi.types import Range


def text(plan: Plan, how_to_stop: str) -> str:
    """Lines of label and value.

    :param how_to_stop: depends on how it was started.
    """
    lines = list(_lines(plan, how_to_stop))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}} : {value}" for label, value in lines)


def _lines(plan: Plan, how_to_stop: str) -> Iterator[tuple[str, str]]:
    """Labels and values, without those of what there is not."""
    application, logs = plan.application, plan.logs
    runs_in_processes = not (plan.debug or application.is_static)
    threads = _count(application.threads, "thread")
    lines: tuple[tuple[str, object], ...] = (
        ("Server URL", plan.listen.url),
        ("Server URL (HTTPS)", plan.listen.https_url),
        ("Server Status", plan.telemetry.status_url),
        ("Telemetry", plan.telemetry.ui_url),
        ("Application", described(application.target)),
        ("Operating Mode", _mode(plan)),
        (
            "Request Capacity",
            runs_in_processes and f"{_processes(application.processes)} x {threads}",
        ),
        *_limits(plan),
        ("Locale Setting", plan.locale or "the system's"),
        ("Documentation", plan.documentation and plan.documentation.url),
        ("Python", f"{plan.python.version}, {plan.python.home}"),
        ("User", plan.identity.drops and f"{plan.identity.user}, group {plan.identity.group}"),
        ("Server Root", plan.paths.root),
        ("Server Conf", plan.paths.conf),
        ("Error Log File", _log(logs.error_file)),
        ("Access Log File", logs.access_log and _log(logs.access_file)),
        ("Startup Log File", logs.startup_log),
        ("Coverage Output", plan.tools.coverage),
        ("Profiler Output", plan.tools.profiler),
        ("Recorder Output", plan.tools.recorder),
        ("Rewrite Rules", plan.static.rules),
        ("Environ Variables", plan.paths.envvars),
        ("Control Script", plan.paths.apachectl),
        ("Stop", how_to_stop),
    )
    for label, value in lines:
        if value:
            yield label, str(value)


def _limits(plan: Plan) -> Iterator[tuple[str, object]]:
    limits = plan.limits
    if plan.application.daemon_options:
        for label, seconds in (
            ("Request Timeout", limits.request_timeout),
            ("Interrupt Timeout", limits.interrupt_timeout),
            ("Startup Timeout", limits.startup_timeout),
            ("Queue Timeout", limits.queue_timeout),
        ):
            yield label, seconds and f"{seconds} s"
        yield "Queue Backlog", f"{limits.daemon_backlog} connections"
    yield "Server Capacity", not plan.debug and f"{plan.mpm.clients} clients ({plan.mpm.name})"
    yield "Server Backlog", f"{limits.server_backlog} connections"


def described(target: Target) -> str:
    """An application, in a few words."""
    if target.kind == "static":
        return f"none: the files in {target.name}"
    if target.kind == "welcome":
        return "none: a page says what to type next"
    if target.kind == "paste":
        return target.name
    return f"{target.shown} in {target.name}"


def _mode(plan: Plan) -> str:
    if plan.debug:
        return "debug: one process, one thread"
    if plan.application.is_static:
        return "static files"
    return "embedded" if plan.application.embedded else "daemon"


def _log(file: Path | None) -> str:
    return str(file) if file else "terminal"


def _processes(number: Range) -> str:
    if number.least == number.most:
        return _count(number.least, "process")
    return f"{number.least} to {number.most} processes"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}es" if noun.endswith("s") else f"{number} {noun}s"
