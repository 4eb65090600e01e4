"""The application, who it runs as, and what it needs: what start-server would say."""

import os
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import access, certificates, instance, launch, names, preflight, summary
from mod_pywsgi.doctor.model import Finding, Subject, failure, hint, ok, skipped
from mod_pywsgi.errors import ApplicationError
from mod_pywsgi.identity import Identity

_LEAST_SPACE = 10 * 1024 * 1024  # bytes: below it not even a log has room


def settings(subject: Subject) -> Iterator[Finding]:
    yield ok(
        f"from {subject.settings.file}" if subject.settings.file else "there is no settings file"
    )
    for variable, meant in names.unknown_variables(os.environ).items():
        yield hint(
            f"{variable} is set, and is no option's variable",
            f"If {meant.env} is what you mean: export {meant.env}=... ; unset {variable}",
        )


def user(subject: Subject) -> Iterator[Finding]:
    who = subject.user
    dropped = f", {who.reason}; root only opens the port and the logs" if who.drops else ""
    yield ok(f"{who.user}, group {who.group}{dropped}")


def found(subject: Subject) -> Iterator[Finding]:
    try:
        target = subject.application
    except ApplicationError as error:
        yield failure(error.message, error.hint or _remedy(subject))
        return
    if target is None:
        yield hint(
            "there is none in the current directory",
            "Name the one that you mean to serve: mod-pywsgi-express doctor APPLICATION [options]",
        )
    else:
        yield ok(summary.described(target))


def _remedy(subject: Subject) -> str:
    """What opens the way to the application for its user."""
    path = Path(launch.entry_point(subject.settings, subject.argument)).absolute()
    _, remedy = access.as_user(subject.user, lambda: access.obstacle_and_remedy(path))
    return f"{remedy}\n{_ways_around(subject.user)}" if remedy else ""


def _ways_around(who: Identity) -> str:
    others = "or move it to a place that the user can read"
    return f"{others}, or choose the user with --user" if who.drops else others


def options(subject: Subject) -> Iterator[Finding]:
    plan = subject.plan
    yield ok(f"they go together; it would serve {plan.listen.url}")


def permissions(subject: Subject) -> Iterator[Finding]:
    """Every path that is needed, looked at as the user that needs it."""
    plan = subject.plan
    needed = [(what, path) for what, path in preflight.needed(plan) if _matters(subject, path)]

    def look() -> list[list[str]]:
        problems = []
        for what, path in needed:
            problem, remedy = access.obstacle_and_remedy(path)
            if problem:
                problems.append([what, str(path), problem, remedy])
        return problems

    problems = access.as_user(plan.identity, look)
    told: set[str] = set()
    for what, path, problem, remedy in problems:
        if problem in told:
            continue  # one directory that is closed closes all in it
        told.add(problem)
        text = f"the user {plan.identity.user} cannot use {what} {path}: {problem}"
        others = _ways_around(plan.identity)
        yield failure(text, f"{remedy}\n{others}" if remedy else f"create it, {others}")
    if not problems:
        yield ok(f"{plan.identity.user} can read all of the {len(needed)} paths that are needed")


def _matters(subject: Subject, path: Path) -> bool:
    """Where nothing is served, the current directory does not."""
    return subject.served is not None or path != subject.plan.application.working_directory


def server_root(subject: Subject) -> Iterator[Finding]:
    root = subject.plan.paths.root
    above = next(place for place in (root, *root.parents) if os.path.exists(place))
    if above == root and not instance.is_ours(root):
        yield failure(
            f"{root} belongs to somebody else, or others can write to it",
            "Name another: --server-root DIRECTORY",
        )
        return
    if not os.access(above, os.W_OK | os.X_OK):
        yield failure(
            f"{root} cannot be made: {above} may not be written",
            "Name another: --server-root DIRECTORY",
        )
        return
    state = os.statvfs(above)
    if state.f_flag & os.ST_NOEXEC:
        yield failure(
            f"{root} lies on a file system that is mounted noexec, and its apachectl is a program",
            "Name another: --server-root DIRECTORY",
        )
    if state.f_bavail * state.f_frsize < _LEAST_SPACE:
        yield failure(f"there is no space left for {root}", f"df -h {above}")
    yield ok(f"{root}: {len(os.fsencode(root))} bytes, short enough for its sockets")


def tls(subject: Subject) -> Iterator[Finding]:
    plan = subject.plan
    if plan.tls is None:
        yield ok("none: TLS is not asked for (--https-port)")
        return
    for remark in certificates.check(plan):
        yield hint(remark, f"openssl x509 -noout -subject -enddate -in {plan.tls.certificate.file}")
    yield ok(f"for {plan.listen.https_url}")


def address(subject: Subject) -> Iterator[Finding]:
    plan = subject.plan
    running = instance.running(plan.paths)
    if running:
        yield skipped(f"this server runs already, as process {running}")
        return
    preflight.require_free_port(plan)
    yield ok(f"{plan.listen.address} can be listened to")
