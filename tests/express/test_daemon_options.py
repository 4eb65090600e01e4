"""Options about what the application's processes and their Python find."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import httpd, machine
from support.express import NOBODY, Express

from .test_paths import ORACLE, ask, command_line

pytestmark = pytest.mark.no_asan


@pytest.mark.option(
    *("process-group", "env", "env-file", "passenv", "locale", "python-warnings"),
    *("switch-interval", "python-eggs"),
)
def test_the_environment_of_the_processes(express: Express) -> None:
    express.write("app.py", ORACLE)
    express.write("vars", "FROM_FILE='two words'\nBOTH=file\n")
    eggs = express.site.parent / "eggs"
    express.start(
        "app.py",
        *("--process-group", "shop", "--switch-interval", "0.25", "--locale", "C.UTF-8"),
        *("--env", "GREETING", 'say "hi" \\ bye', "--env", "BOTH", "option"),
        *("--env-file", "vars", "--passenv", "PASSED", "--python-eggs", str(eggs)),
        *("--python-warnings", "error::UserWarning", "--python-warnings", "ignore::ImportWarning"),
        *("--server-name", "a.example"),
        env={"PASSED": "from outside", "LANG": "POSIX"},
    )
    host = [("Host", "a.example")]

    def ask(expression: str) -> str:
        from urllib.parse import quote

        response = express.get(f"/?{quote(expression, safe='')}", host)
        assert response.status == 200, (response, express.story())
        return response.text

    [daemon] = express.daemons()
    assert command_line(daemon)[0].strip() == "(wsgi:shop)"
    assert ask("environ['mod_wsgi.process_group']") == "shop"
    assert ask("os.environ['GREETING']") == 'say "hi" \\ bye'
    assert ask("os.environ['FROM_FILE'], os.environ['BOTH']") == str(("two words", "option"))
    assert ask("environ['PASSED'], os.environ.get('PASSED')") == str(("from outside",) * 2)
    assert ask("os.environ['LANG'], os.environ['LC_ALL']") == str(("C.UTF-8", "C.UTF-8"))
    assert ask("sys.warnoptions") == str(["error::UserWarning", "ignore::ImportWarning"])
    assert ask("sys.getswitchinterval()") == "0.25"
    assert ask("os.environ['PYTHON_EGG_CACHE']") == str(eggs)
    assert ask("os.environ['MOD_WSGI_EXPRESS']") == "true"
    assert ask("os.environ['MOD_WSGI_SERVER_NAME']") == "a.example"
    assert express.shown("Locale Setting") == "C.UTF-8"


@pytest.mark.option("python-eggs", "locale")
def test_defaults(express: Express) -> None:
    """Eggs go where the application can write, and the locale is UTF-8 whatever it is outside."""
    script = express.write("app.py", ORACLE)
    if os.geteuid() == 0:
        account = pwd.getpwnam(NOBODY)
        os.chown(script, account.pw_uid, account.pw_gid)
    express.start("app.py", "--reload-on-changes", env={"LANG": "POSIX", "LC_ALL": "C"})
    assert ask(express, "os.environ['PYTHON_EGG_CACHE']") == str(express.root / "python-eggs")
    assert ask(express, "os.mkdir(os.environ['PYTHON_EGG_CACHE'] + '/x')") == "None"
    assert ask(express, "sys.getfilesystemencoding(), os.environ['LC_ALL']") == str(
        ("utf-8", "C.UTF-8")
    )
    assert ask(express, "os.environ['MOD_WSGI_RELOADER_ENABLED']") == "true"
    [daemon] = express.daemons()
    title = f"(wsgi:127.0.0.1:{express.port}:{os.geteuid()})"
    assert command_line(daemon)[0].strip() == title


@pytest.mark.option("lang")
def test_lang_is_locale(express: Express) -> None:
    express.write("app.py", ORACLE)
    assert "no locale 'xx.UTF-8'" in express.refused("app.py", "--lang", "xx.UTF-8").stderr


@pytest.mark.option("env", "switch-interval", "python-eggs")
def test_embedded_mode(express: Express) -> None:
    express.write("app.py", ORACLE)
    words = ["--env", "GREETING", "it's", "--switch-interval", "0.125"]
    express.start("app.py", "--embedded-mode", *words)
    assert ask(express, "os.environ['GREETING'], sys.getswitchinterval()") == str(("it's", 0.125))
    assert ask(express, "os.environ['PYTHON_EGG_CACHE']") == str(express.root / "python-eggs")
    assert ask(express, "os.environ['MOD_WSGI_EXPRESS']") == "true"


@pytest.mark.option("orphan-interpreter")
@pytest.mark.parametrize("is_orphan", [False, True])
def test_orphan_interpreter(express: Express, is_orphan: bool) -> None:
    mark = express.site.parent / "said-goodbye"
    express.site.parent.chmod(0o777)
    goodbye = f"import atexit\natexit.register(lambda: open({str(mark)!r}, 'w').close())\n"
    express.write("app.py", goodbye + ORACLE)
    express.start("app.py", *(["--orphan-interpreter"] if is_orphan else []))
    assert express.stop() == 0
    assert mark.exists() != is_orphan


@pytest.mark.option("free-threading")
def test_free_threading(express: Express) -> None:
    express.write("app.py", ORACLE)
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        express.start("app.py", "--free-threading")
        assert ask(express, "sys._is_gil_enabled()") == "False"
        return
    done = express.refused("app.py", "--free-threading")
    assert done.returncode == 2
    assert f"needs a free-threaded build of Python, which {sys.prefix}" in done.stderr


@pytest.fixture
def express_in(around: httpd.Surroundings) -> Iterator[Callable[..., Express]]:
    """A site with all parts of the server below one of these directories."""
    homes: list[Path] = []

    def made(*places: str) -> Express:
        assert around.artifacts
        place = next(path for path in places if os.access(path, os.W_OK))
        home = Path(tempfile.mkdtemp(prefix="pywsgi-", dir=place))
        homes.append(home)
        home.chmod(0o755)
        (home / "site").mkdir(mode=0o755)
        artifacts = machine.stage_artifacts(around.artifacts.folder, home / "libexec")
        express = Express(home / "site", artifacts)
        express.write("app.py", ORACLE)
        return express

    yield made
    for home in homes:
        shutil.rmtree(home)


OUTSIDE = ("/srv", "/opt", "/var/lib")


@pytest.mark.mounts
@pytest.mark.option("private-tmp")
def test_private_tmp(express_in: Callable[..., Express]) -> None:
    """With the application and the server's parts outside of the /tmp that is out of reach."""
    express = express_in(*OUTSIDE)
    mark = Path(f"/tmp/pywsgi-private-{os.getpid()}")
    try:
        express.start("app.py", "--private-tmp")
        assert ask(express, f"open({str(mark)!r}, 'w').write('x')") == "1"
        assert ask(express, f"os.path.exists({str(mark)!r})") == "True"
        assert not mark.exists()
    finally:
        express.stop()


@pytest.mark.root
@pytest.mark.option("private-tmp")
def test_private_tmp_hides_no_part_of_the_application(
    express_in: Callable[..., Express],
) -> None:
    inside = express_in("/tmp")
    done = inside.refused("app.py", "--private-tmp")
    assert done.returncode != 0
    assert "where it does not find the server root /tmp/" in done.stderr
    assert "another server root with --server-root" in done.stderr
    outside = express_in(*OUTSIDE)
    done = outside.refused(str(inside.site / "app.py"), "--private-tmp")
    assert done.returncode != 0 and f" {inside.site}" in done.stderr
    assert "another place than /tmp and /var/tmp" in done.stderr


@pytest.mark.root
@pytest.mark.option("private-tmp")
def test_private_tmp_needs_root(express_in: Callable[..., Express]) -> None:
    express = express_in(*OUTSIDE)
    account = pwd.getpwnam(NOBODY)
    os.chown(express.site.parent, account.pw_uid, account.pw_gid)
    done = express.refused("app.py", "--private-tmp", user=NOBODY)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "private-tmp" in said and "empty /tmp, where" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--switch-interval", "0"], "must be more than 0"),
        (["--switch-interval", "soon"], "must be a number of seconds"),
        (["--process-group", "%{GLOBAL}"], "must be a name without blanks"),
        (["--processes", "8-2"], "the least first"),
        (["--processes", "2-4", "--embedded-mode"], "the number of processes is fixed"),
        (["--reload-on-rss", "1000"], "a number of bytes from 16777216"),
        (["--initial-workers", "1.5"], "must be between 0 and 1"),
        (["--minimum-spare-workers", ".5", "--maximum-spare-workers", ".2"], "More would be idle"),
        (["--header-buffer-size", "100"], "must be 0 or at least 8192"),
        (["--env-file", "nowhere"], "nowhere"),
    ],
)
def test_refused(express: Express, words: list[str], says: str) -> None:
    express.write("app.py", ORACLE)
    done = express.refused("app.py", *words)
    assert done.returncode == 2, done
    assert says in done.stderr


def test_what_has_no_effect_is_said(express: Express) -> None:
    express.write("app.py", ORACLE)
    words = ["--embedded-mode", "--maximum-requests", "3", "--max-clients", "40"]
    done = express.refused("app.py", *words, "--rotate-logs", "--log-to-terminal", "--setup-only")
    for name in ("maximum-requests", "max-clients", "rotate-logs"):
        assert f"--{name} has no effect" in done.stderr
