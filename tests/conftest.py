"""Options, the run's header, and the checks that every test with a server gets for free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REPO = HERE.parent
sys.path.insert(0, str(HERE))

from support import apps, curl, httpd, machine, procs  # noqa: E402
from support.express import Express, site_of  # noqa: E402
from support.servers import MODES, Servers  # noqa: E402

SENTINEL = "pywsgi/unfinished"
MARKERS = (
    "root: needs root (other users, privilege drop)",
    "mounts: needs root that may mount (CAP_SYS_ADMIN, which containers mostly lack)",
    "slow: takes more than a few seconds; left out by -m 'not slow'",
    "smoke: also run under the worker and prefork MPMs",
    "http2: needs mod_http2 and a curl that speaks it",
    "no_asan: means nothing under AddressSanitizer (memory sizes, real SIGSEGV)",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mod_pywsgi")
    group.addoption("--httpd", metavar="PROGRAM", help="Apache to test with")
    group.addoption("--mpm", choices=machine.MPMS, default="event", help="MPM of the main run")
    group.addoption("--python", metavar="HOME", help="WSGIPythonHome of every server")
    group.addoption(
        "--directive",
        metavar="LINE",
        action="append",
        default=[],
        help='one more line in the configuration of every server, as "WSGIPerInterpreterGIL On"',
    )
    group.addoption(
        "--asan", action="store_true", help="use build/asan with the runtimes preloaded"
    )
    group.addoption("--keep", action="store_true", help="keep the servers' directories")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def build_folder(config: pytest.Config) -> Path:
    """Where the artifacts are: PYWSGI_MODULE names the module, else build/asan or build/dev."""
    if module := os.environ.get("PYWSGI_MODULE"):
        return Path(module).resolve().parent
    return REPO / "build" / ("asan" if config.getoption("--asan") else "dev")


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = []
    try:
        facts = machine.find_apache(config.getoption("--httpd"))
        lines.append(f"httpd: {facts.program} {facts.version}, modules in {facts.modules}")
    except machine.HttpdFailed as error:
        lines.append(f"httpd: {error}")
    folder = build_folder(config)
    there = [path.name for path in machine.Artifacts(folder).all() if path.exists()]
    lines.append(f"build: {folder} ({', '.join(there) or 'nothing built'})")
    lines.append(f"mpm: {config.getoption('--mpm')}, user: {os.geteuid()}, commit: {_commit()}")
    if unfinished := _cache(config, None):
        lines.append(f"WARNING: the run before this one ({unfinished}) crashed or was killed")
    return lines


def _commit() -> str:
    command = ["git", "-C", str(REPO), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "?"
    return done.stdout.strip() or "?"


def _cache(config: pytest.Config, value: str | None) -> str:
    """Read the sentinel, or write it."""
    cache = getattr(config, "cache", None)
    if cache is None:
        return ""
    if value is not None:
        cache.set(SENTINEL, value)
        return value
    return str(cache.get(SENTINEL, ""))


# Folders whose tests share something, by what it is: an engine of containers and the ports that pages
# name; environments that are made once, and packages that are built from the sources where they lie.
# They take long, and are begun first.
TOGETHER = {
    "docker": "containers",
    "fresh": "containers",
    "realapps": "environments",
    "build": "environments",
}


def group_of(path: Path) -> str:
    """Of several workers each takes such a group at a time: those folders, or else a file."""
    place = path.relative_to(HERE)
    return TOGETHER.get(place.parts[0], str(place))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the run among workers by these groups, in the order in which they were collected.

    Not by xdist's own marks for groups: pytest 9 has no place for what xdist 3.8 notes of them, and what
    belongs together would run side by side.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(config.rootpath / nodeid.partition("::")[0])

    config.option.loadscopereorder = False
    return ByGroup(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    first = list(dict.fromkeys(TOGETHER.values()))
    groups = {item: group_of(item.path) for item in items}
    items.sort(key=lambda item: first.index(groups[item]) if groups[item] in first else len(first))
    reasons = {}
    if config.getoption("--asan"):
        reasons["no_asan"] = "AddressSanitizer has its own memory and its own SIGSEGV"
    if os.geteuid() != 0:
        reasons["root"] = "needs root"
    if not machine.may_mount():
        reasons["mounts"] = "needs root that may mount"
    if not curl.has_http2():
        reasons["http2"] = "curl speaks no HTTP/2"
    for item in items:
        for name, reason in reasons.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this machine could not test is said in one line, whatever the options."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        said = "; ".join(f"{count} tests: {reason}" for reason, count in sorted(reasons.items()))
        terminalreporter.write_line(f"NOT TESTED HERE: {said}", yellow=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    procs.become_subreaper()


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on a run that ends without a word is a crash, and the next run says so."""
    _cache(session.config, f"pid {os.getpid()}, {len(session.items)} tests")


def pytest_sessionfinish(session: pytest.Session) -> None:
    _cache(session.config, "")


@pytest.fixture(scope="session")
def around(pytestconfig: pytest.Config) -> Iterator[httpd.Surroundings]:
    """The machine's Apache, the build's artifacts and the applications, readable by all."""
    home = machine.make_root("pywsgi-run-")
    source = build_folder(pytestconfig)
    artifacts = None
    if (source / "mod_pywsgi.so").exists():
        artifacts = machine.stage_artifacts(source, home / "libexec")
    yield httpd.Surroundings(
        facts=machine.find_apache(
            pytestconfig.getoption("--httpd"), os.environ.get("PYWSGI_TEST_USER")
        ),
        artifacts=artifacts,
        apps=apps.install(home / "apps"),
        asan=pytestconfig.getoption("--asan"),
        keep=pytestconfig.getoption("--keep"),
        python_home=pytestconfig.getoption("--python"),
        directives=tuple(pytestconfig.getoption("--directive")),
        home=home,
    )
    if not pytestconfig.getoption("--keep"):
        machine.remove_tree(home)


@pytest.fixture(scope="session")
def servers(around: httpd.Surroundings, pytestconfig: pytest.Config) -> Iterator[Servers]:
    """All servers of the run: shared ones by name, private ones by test."""
    registry = Servers(around, pytestconfig.getoption("--mpm"))
    pytestconfig.stash[_registry] = registry
    yield registry
    left = registry.close()
    assert not left, f"processes outlived their server: {left}"


_registry = pytest.StashKey[Servers]()


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Where the application runs."""
    return str(request.param)


@pytest.fixture
def server(servers: Servers, mode: str) -> httpd.HttpdInstance:
    """The shared server of this mode; all of tests/apps are mounted by name."""
    return servers.shared(mode)


@pytest.fixture
def unbuffered(servers: Servers, mode: str) -> httpd.HttpdInstance:
    """The same where a request does not wait for its body to have arrived."""
    return servers.shared(mode, options="" if mode == "embedded" else "request-buffer-size=0")


@pytest.fixture
def start(servers: Servers) -> Callable[..., httpd.HttpdInstance]:
    """Start a private server: `start(extra=..., mpm=..., mode=..., ...)`."""
    return servers.private


@pytest.fixture
def configtest(servers: Servers) -> Callable[..., tuple[int, str]]:
    """Exit status and words of `httpd -t` for a configuration."""
    return servers.configtest


@pytest.fixture(autouse=True)
def _after_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test: a clean log, no sanitizer report, nothing leaked, a server that answers."""
    uses_servers = "servers" in request.fixturenames
    yield
    registry = request.config.stash.get(_registry, None)
    if uses_servers and registry is not None:
        problems = registry.end_test()
        if problems:
            pytest.fail("after the test:\n" + "\n".join(problems), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows the end of the error log of each server that the test used."""
    report = yield
    registry = item.config.stash.get(_registry, None)
    if report.failed and registry is not None:
        for name, instance in registry.in_use():
            report.sections.append((f"server {name} ({instance.root})", instance.story()))
    return report


@pytest.fixture
def express(around: httpd.Surroundings) -> Iterator[Express]:
    """A directory for an application, and the command to serve it."""
    with site_of(Express, around.artifacts) as server:
        yield server
