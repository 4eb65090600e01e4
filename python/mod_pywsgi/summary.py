"""What a person wants to know about the server that is about to start."""

from collections.abc import Iterator

from mod_pywsgi.plan import Plan


def text(plan: Plan, how_to_stop: str) -> str:
    """Lines of label and value.

    :param how_to_stop: depends on how it was started.
    """
    lines = list(_lines(plan, how_to_stop))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}} : {value}" for label, value in lines)


def _lines(plan: Plan, how_to_stop: str) -> Iterator[tuple[str, str]]:
    application = plan.application
    yield "Server URL", plan.listen.url
    yield "Application", _application(plan)
    yield "Operating Mode", _mode(plan)
    if not plan.debug:
        yield (
            "Request Capacity",
            f"{_count(application.processes, 'process')} x {_count(application.threads, 'thread')}"
            f", {plan.mpm.clients} clients ({plan.mpm.name})",
        )
    if plan.request_timeout and not application.embedded:
        yield "Request Timeout", f"{plan.request_timeout} s"
    yield "Python", f"{plan.python.version}, {plan.python.home}"
    if plan.identity.drops:
        yield "User", f"{plan.identity.user}, group {plan.identity.group}"
    yield "Server Root", str(plan.paths.root)
    yield "Error Log File", _log(plan.error_log)
    if plan.access_log:
        yield "Access Log File", _log(plan.access_log)
    yield "Control Script", str(plan.paths.apachectl)
    yield "Stop", how_to_stop


def _application(plan: Plan) -> str:
    target = plan.application.target
    called = f"{target.callable_name}()" if target.is_factory else target.callable_name
    return f"{called} in {target.name}"


def _mode(plan: Plan) -> str:
    if plan.debug:
        return "debug: one process, one thread"
    return "embedded" if plan.application.embedded else "daemon"


def _log(destination: str) -> str:
    return destination if destination.startswith("/") and "/dev/" not in destination else "terminal"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}es" if noun.endswith("s") else f"{number} {noun}s"
