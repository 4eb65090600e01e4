"""Facts and settings that the tests of the package share."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mod_pywsgi import plan
from mod_pywsgi.artifacts import Artifacts, PythonFacts
from mod_pywsgi.discover import Target
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.identity import Identity
from mod_pywsgi.settings import Settings, resolve

SITE = Path("/golden/site")

MODULES = frozenset(
    "mpm_event mpm_worker mpm_prefork authz_core reqtimeout mime alias dir rewrite env setenvif"
    " headers filter access_compat authn_core authz_host ssl socache_shmcb http2 md status"
    " proxy proxy_http brotli deflate auth_basic auth_digest authz_user cgi cgid autoindex".split()
)


@pytest.fixture
def httpd_facts() -> HttpdFacts:
    """An Apache as Debian builds it."""
    return HttpdFacts(
        program=Path("/usr/sbin/apache2"),
        version=(2, 4, 71),
        modules_directory=Path("/golden/modules"),
        built_in=frozenset({"so", "unixd", "log_config", "core", "watchdog"}),
        available=MODULES,
        mime_types=Path("/etc/mime.types"),
        certificates=Path("/golden/authorities.pem"),
        rotatelogs=Path("/usr/bin/rotatelogs"),
    )


@pytest.fixture
def facts(httpd_facts: HttpdFacts) -> plan.Facts:
    """Everything found out: a script, an ordinary user, a virtual environment."""
    return plan.Facts(
        httpd=httpd_facts,
        artifacts=Artifacts(Path("/golden/libexec")),
        python=PythonFacts(
            home=Path("/golden/venv"),
            base=Path("/usr"),
            version="3.11",
            package=Path("/golden/venv/lib/python3.11/site-packages/mod_pywsgi"),
            extra_path=None,
            program=Path("/golden/venv/bin/python"),
            is_free_threaded=False,
        ),
        identity=Identity("alice", "alice", 1000, 1000, drops=False),
        target=Target("script", f"{SITE}/app.py", f"{SITE}/app.py", "application"),
        machine=plan.Machine(
            current_directory=SITE,
            temporary_directory=Path("/golden/tmp"),
            uid=1000,
            locale="C.UTF-8",
            stdout="/dev/stdout",
            stderr="/dev/stderr",
        ),
    )


def settings_of(*words: str) -> Settings:
    """Settings from command-line words, without going through the command."""
    from mod_pywsgi.options import BY_NAME

    layer: dict[str, list[tuple[str, ...]]] = {}
    rest = list(words)
    while rest:
        option = BY_NAME[rest.pop(0).removeprefix("--")]
        count = len(option.metavar)
        layer.setdefault(option.name, []).append(tuple(rest[:count]) if count else ("on",))
        del rest[:count]
    return resolve(layer)


Make = Callable[..., plan.Plan]


@pytest.fixture
def make(facts: plan.Facts) -> Make:
    """Make a plan: ``make("--port", "80", target=...)``; keywords replace facts."""

    def make_plan(
        *words: str, directories: frozenset[Path] = frozenset(), **changed: Any
    ) -> plan.Plan:
        changed_facts = dataclasses.replace(facts, **changed)
        return plan.make(settings_of(*words), changed_facts, directories)

    return make_plan


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No option leaks in from outside."""
    for name in list(os.environ):
        if name.startswith("PYWSGI_") and name not in (
            "PYWSGI_LIBEXEC",
            "PYWSGI_MODULE",
            "PYWSGI_WRITE_GOLDEN",
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def open_tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory that every user can enter: pytest's own are closed."""
    import shutil
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="pywsgi-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
