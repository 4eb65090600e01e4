"""The doctor: each check, with what it looks at put in its way."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mod_pywsgi import artifacts, doctor, launch, preflight
from mod_pywsgi import options as opt
from mod_pywsgi.artifacts import Artifacts
from mod_pywsgi.discover import Target
from mod_pywsgi.doctor import apache, application, machine, python, report
from mod_pywsgi.doctor.model import FAILURE, HINT, OK, SKIPPED, Check, Finding, Subject
from mod_pywsgi.errors import ApplicationError, HttpdError, InstanceError
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.httpd import probe
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.plan import Facts
from mod_pywsgi.settings import Settings, resolve

from .conftest import Make, settings_of


class Known(Subject):
    """A subject of whom some facts are known already."""

    def __init__(self, system: Path = Path("/nonexistent"), **known: Any) -> None:
        super().__init__(known.pop("settings", resolve()), known.pop("argument", None), system)
        self.known.update(known)


def found(check: Any, subject: Subject) -> list[tuple[str, str]]:
    return [(finding.level, f"{finding.text}\n{finding.remedy}") for finding in check(subject)]


def only(check: Any, subject: Subject) -> tuple[str, str]:
    (finding,) = found(check, subject)
    return finding


# Facts, and what becomes of a check that lacks one


def test_an_error_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def find(**_: object) -> HttpdFacts:
        calls.append(1)
        raise HttpdError("Apache httpd is not installed.", "apt-get install apache2-bin")

    monkeypatch.setattr(httpd_facts, "find", find)
    findings = {check.name: found for check, found in doctor.examine(Subject(resolve(), None))}
    assert findings["Apache"] == [
        Finding(FAILURE, "Apache httpd is not installed.", "apt-get install apache2-bin")
    ]
    for name in ("Apache's modules", "module", "options", "address"):
        (finding,) = findings[name]
        assert finding.level == SKIPPED, name
        assert finding.text == "not looked at, for want of the apache"
    assert findings["Python"][0].level == OK
    assert len(calls) == 1


def test_what_a_check_found_before_it_failed_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: Subject) -> Iterator[Finding]:
        yield Finding(OK, "one")
        raise InstanceError("two", "three")

    monkeypatch.setattr(doctor, "CHECKS", (Check("x", run),))
    ((_, findings),) = doctor.examine(Subject(resolve(), None))
    assert findings == [Finding(OK, "one"), Finding(FAILURE, "two", "three")]


def test_names_of_checks_are_unique() -> None:
    names = [check.name for check in doctor.CHECKS]
    assert len(set(names)) == len(names)


# Apache


def test_modules_that_are_missing(httpd_facts: HttpdFacts) -> None:
    import dataclasses

    facts = dataclasses.replace(
        httpd_facts, available=httpd_facts.available - {"env", "authz_core"}
    )
    levels = dict(
        (text.split()[0], (level, text))
        for level, text in found(apache.modules, Known(apache=facts))
    )
    level, text = levels["mod_env"]
    assert level == HINT
    assert "which is for: setenv" in text
    assert "apt-get install apache2-bin" in text
    assert levels["mod_authz_core"][0] == FAILURE


@pytest.mark.parametrize(("complaint", "level"), [("", OK), ("undefined symbol: ap_x", FAILURE)])
def test_the_module_loads(
    httpd_facts: HttpdFacts, monkeypatch: pytest.MonkeyPatch, complaint: str, level: str
) -> None:
    seen: list[str] = []

    def configuration_errors(*command: Path) -> str:
        seen.append(command[-1].read_text())
        return complaint

    monkeypatch.setattr(probe, "configuration_errors", configuration_errors)
    subject = Known(apache=httpd_facts, compiled_parts=Artifacts(Path("/golden/libexec")))
    assert only(apache.module, subject)[0] == level
    assert 'LoadModule wsgi_module "/golden/libexec/mod_pywsgi.so"' in seen[0]
    assert complaint in only(apache.module, subject)[1]


# Python


def test_pythonhome(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/usr")
    levels = found(python.environment, Known(python=facts.python))
    assert levels[1][0] == FAILURE
    assert "unset PYTHONHOME" in levels[1][1]


@pytest.mark.parametrize(
    ("library", "level"),
    [("/golden/other/libpython3.11.so.1.0", FAILURE), ("not found", FAILURE), ("own", OK)],
)
def test_the_daemon_s_library(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, level: str
) -> None:
    own = tmp_path / "libpython3.11.so.1.0"
    own.touch()
    monkeypatch.setattr(artifacts, "require_same_python", lambda *_: None)
    monkeypatch.setattr(python.shutil, "which", lambda _: "/usr/bin/ldd")
    monkeypatch.setattr(python.sysconfig, "get_config_var", lambda _: str(tmp_path))
    said = f"\tlibpython3.11.so.1.0 => {own if library == 'own' else library} (0x00007f)\n"
    monkeypatch.setattr(probe, "run", lambda *_: SimpleNamespace(stdout=said))
    subject = Known(python=facts.python, compiled_parts=facts.artifacts)
    _, (got, text) = found(python.daemon, subject)
    assert got == level
    assert str(own) in text


@pytest.mark.parametrize(
    ("installed", "words"),
    [
        (["Flask", "NumPy", "pydantic_core"], ["numpy (one state", "pydantic-core (made with"]),
        (["Flask"], ["1 installed; none"]),
    ],
)
def test_packages(monkeypatch: pytest.MonkeyPatch, installed: list[str], words: list[str]) -> None:
    monkeypatch.setattr(python, "_installed", lambda: iter(installed))
    findings = found(python.packages, Known())
    assert [level for level, _ in findings] == [OK] * len(words)
    for word, (_, text) in zip(words, findings, strict=True):
        assert text.startswith(word)


def test_packages_in_an_interpreter_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "_installed", lambda: iter(["numpy", "lxml"]))
    subject = Known(settings=settings_of("--application-group", "mine"))
    numpy, lxml = found(python.packages, subject)
    assert numpy[0] == lxml[0] == HINT
    assert "--application-group is mine\n--application-group '%{GLOBAL}'" in numpy[1]


# The application


def test_variables_that_are_nearly_an_option_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYWSGI_TREADS", "3")
    _, (level, text) = found(application.settings, Known())
    assert level == HINT
    assert "export PYWSGI_THREADS=" in text


def test_no_application(make: Make, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_target(*_: object) -> Target:
        raise ApplicationError("No application was found.", "")

    monkeypatch.setattr(launch, "find_target", find_target)
    unnamed = Known(user=facts.identity)
    assert only(application.found, unnamed)[0] == HINT
    assert unnamed.served is None
    named = Known(user=facts.identity, argument="app.py")
    assert only(application.found, named)[0] == FAILURE
    assert named.served is None


def test_permissions(open_tmp: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems at once, each with its command, and a closed directory once."""
    closed = open_tmp / "closed"
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != closed)
    needed = [
        ("the application", closed / "app.py"),
        ("the package", closed / "lib"),
        ("the program", open_tmp / "missing"),
        ("the library", open_tmp),
    ]
    monkeypatch.setattr(preflight, "needed", lambda _: iter(needed))
    target = Target("script", "app.py", "app.py", "application")
    subject = Known(plan=make(), application=target)
    first, second = found(application.permissions, subject)
    assert first[0] == second[0] == FAILURE
    assert (
        f"the application {closed / 'app.py'}: the directory {closed} may not be entered"
        in first[1]
    )
    assert f"\nchmod o+x {closed}\n" in first[1]
    assert "does not exist" in second[1]
    assert "chmod" not in second[1]


def rooted(make: Make, root: Path) -> Known:
    return Known(plan=make("--server-root", str(root)))


def test_the_server_root(open_tmp: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = rooted(make, open_tmp / "new" / "root")
    assert only(application.server_root, subject)[0] == OK
    loose = open_tmp / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    level, text = only(application.server_root, rooted(make, loose))
    assert level == FAILURE
    assert "others can write to it" in text

    state = os.statvfs(open_tmp)
    mounted = SimpleNamespace(f_flag=state.f_flag | os.ST_NOEXEC, f_bavail=1, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: mounted)
    texts = [text for level, text in found(application.server_root, subject) if level == FAILURE]
    assert "noexec" in texts[0]
    assert "df -h" in texts[1]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not be written" in only(application.server_root, subject)[1]


# The machine


def system(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/a.slice/b.service\n"}
V1 = {"proc/self/cgroup": "5:memory:/docker/x\n4:pids:/docker/x\n0::/\n"}
BELOW_V2 = "sys/fs/cgroup/a.slice"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["enough"]),
        ({**V2, "sys/fs/cgroup/a.slice/memory.max": "max\n"}, ["enough"]),
        ({**V2, f"{BELOW_V2}/memory.max": "67108864\n"}, ["64 MiB of memory", "--preload"]),
        (
            {
                **V2,
                f"{BELOW_V2}/memory.max": "4294967296\n",
                f"{BELOW_V2}/b.service/memory.max": "104857600\n",
            },
            ["100 MiB of memory"],
        ),
        ({**V2, f"{BELOW_V2}/b.service/pids.max": "100\n"}, ["100 processes", "TasksMax="]),
        ({**V1, "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "67108864"}, ["64 MiB"]),
        ({**V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": str((1 << 63) - 4096)}, ["enough"]),
        ({**V1, "sys/fs/cgroup/pids/docker/x/pids.max": "50"}, ["50 processes", "--pids-limit"]),
    ],
)
def test_control_groups(
    tmp_path: Path,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    words: list[str],
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    subject = Known(system(tmp_path, files), plan=make("--processes", "3"))
    _, text = only(machine.limits, subject)
    for word in words:
        assert word in text


def test_limits_of_a_process(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {resource.RLIMIT_NOFILE: (256, 4096), resource.RLIMIT_AS: (1 << 30, 1 << 30)}
    monkeypatch.setattr(resource, "getrlimit", values.__getitem__)
    files, space = found(machine.limits, Known(plan=make()))
    assert files[0] == HINT
    assert "ulimit -n 4096 " in files[1]
    assert "1024 MiB" in space[1]


def test_no_utf8_locale(make: Make, facts: Facts) -> None:
    import dataclasses

    none = dataclasses.replace(facts.machine, locale="")
    assert only(machine.locale, Known(plan=make(machine=none)))[0] == HINT
    assert only(machine.locale, Known(plan=make()))[0] == OK


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "neither confines"),
        ({"sys/fs/selinux/enforce": "0"}, "neither confines"),
        ({"sys/fs/selinux/enforce": "1"}, "chcon -R -t httpd_sys_content_t /golden/site"),
        (
            {
                "sys/module/apparmor/parameters/enabled": "Y\n",
                "sys/kernel/security/apparmor/profiles": "/bin/man (enforce)\n/usr/sbin/apache2 (enforce)\n",
            },
            "aa-complain /usr/sbin/apache2",
        ),
        (
            {
                "sys/module/apparmor/parameters/enabled": "Y\n",
                "sys/kernel/security/apparmor/profiles": "/usr/sbin/apache2 (complain)\n",
            },
            "neither confines",
        ),
    ],
)
def test_confinement(
    tmp_path: Path, make: Make, httpd_facts: HttpdFacts, files: dict[str, str], words: str
) -> None:
    subject = Known(system(tmp_path, files), plan=make(), apache=httpd_facts)
    level, text = only(machine.confinement, subject)
    assert words in text
    assert (level == OK) is words.startswith("neither")


# The report

FINDINGS = [
    (Check("one", lambda _: iter(())), [Finding(OK, "fine", "not shown")]),
    (Check("two", lambda _: iter(())), [Finding(FAILURE, "bad", "type this\nor that")]),
    (
        Check("three", lambda _: iter(())),
        [Finding(HINT, "so so", "better"), Finding(SKIPPED, "no")],
    ),
]


def test_report() -> None:
    assert list(report.lines(FINDINGS)) == [
        "ok    one: fine",
        "FAILS two: bad",
        "        type this",
        "        or that",
        "hint  three: so so",
        "        better",
        "-     three: no",
        "",
        "1 thing must be mended before a server works; 1 hint.",
    ]
    assert list(report.lines(FINDINGS[:1]))[-1] == "A server will work; no hints."


def test_document() -> None:
    document = report.document(FINDINGS)
    assert json.loads(json.dumps(document)) == document
    assert document["ok"] is False
    assert document["checks"][1] == {
        "check": "two",
        "level": "failure",
        "text": "bad",
        "remedy": "type this\nor that",
    }
    assert report.document(FINDINGS[:1])["ok"] is True


def test_settings_of_the_subject() -> None:
    settings: Settings = settings_of("--port", "81")
    assert Subject(settings, None).settings[opt.LISTEN_PORT] == 81
    assert not Subject(settings, None).is_named
    assert Subject(settings_of("--entry-point", "x"), None).is_named
