"""The build: what configure says where something is missing, and what is installed and released."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from support import machine
from support.express import NOBODY, Express

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build/dev"


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Standard output of COMMAND, which must succeed."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def program(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def refusal(directory: Path, *arguments: str) -> str:
    """What configure says when it stops."""
    result = subprocess.run(
        [str(ROOT / "configure"), "-q", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    return result.stderr


@pytest.fixture(autouse=True)
def generated_configure():
    if not (ROOT / "configure").exists():
        run("autoconf")


@pytest.fixture
def apxs(tmp_path):
    """A stand-in for apxs, whose headers are of the version given."""

    def make(version: str | None = "2.4.41") -> str:
        include = tmp_path / "include"
        include.mkdir()
        if version:
            major, minor, patch = version.split(".")
            (include / "httpd.h").touch()
            (include / "ap_mmn.h").write_text("#define MODULE_MAGIC_NUMBER_MAJOR 20120211\n")
            (include / "ap_release.h").write_text(
                f"#define AP_SERVER_MAJORVERSION_NUMBER {major}\n"
                f"#define AP_SERVER_MINORVERSION_NUMBER {minor}\n"
                f"#define AP_SERVER_PATCHLEVEL_NUMBER   {patch}\n"
            )
        script = f'case "$2" in INCLUDEDIR) echo {include};; *) echo /nonexistent;; esac\n'
        return f"--with-apxs={program(tmp_path / 'apxs', script)}"

    return make


@pytest.fixture
def python(tmp_path):
    """A stand-in for a Python of which configure is told FACTS."""

    def make(**facts: str) -> str:
        text = "".join(f"echo \"pyw_py_{name}='{value}'\"\n" for name, value in facts.items())
        return f"--with-python={program(tmp_path / 'python', text)}"

    return make


def test_apxs_that_is_not_there(tmp_path):
    assert "--with-apxs=/no/apxs: there is no such program" in refusal(
        tmp_path, "--with-apxs=/no/apxs"
    )


def test_apxs_without_headers(tmp_path, apxs):
    said = refusal(tmp_path, apxs(None))
    assert "headers of the Apache HTTP Server are not in" in said
    assert all(name in said for name in ("Debian", "Fedora", "Alpine", "httpd-devel"))


def test_httpd_too_old(tmp_path, apxs):
    assert "Apache HTTP Server 2.4.38; mod_pywsgi needs 2.4.41" in refusal(tmp_path, apxs("2.4.38"))


def test_apr_headers_missing(tmp_path, apxs):
    argument = apxs("2.4.41")
    (tmp_path / "include/httpd.h").write_text("#include <no_such_apr.h>\n")
    assert "libapr1-dev" in refusal(tmp_path, argument)


def test_python_too_old(tmp_path, python):
    said = refusal(tmp_path, "--without-apxs", python(version="3.9", header="/Python.h"))
    assert "is Python 3.9; mod_pywsgi needs 3.10 or later" in said


def test_python_without_headers(tmp_path, python):
    said = refusal(tmp_path, "--without-apxs", python(version="3.12", header=""))
    assert "there is no Python.h. Install the package python3.12-dev (Debian" in said
    assert "python3-devel (Fedora" in said and "python3-dev (Alpine" in said


def test_python_without_library(tmp_path, python):
    said = refusal(
        tmp_path, "--without-apxs", python(version="3.12", header="/x/Python.h", kind="")
    )
    assert "has no libpython to embed" in said and "--enable-shared" in said


def test_python_that_is_not_there(tmp_path):
    said = refusal(tmp_path, "--without-apxs", "--with-python=no-such-python")
    assert "Python was not found on PATH. Install the package python3" in said


def test_no_half_at_all(tmp_path):
    assert "nothing to build" in refusal(tmp_path, "--without-apxs", "--without-python")


def test_facts_of_this_python():
    facts = run(sys.executable, ROOT / "src/configure/python_embed.py", "auto")
    values = dict(line.split("=", 1) for line in facts.splitlines())
    assert values["pyw_py_version"] == f"'{sysconfig.get_python_version()}'"
    assert values["pyw_py_prefix"] == f"'{sys.base_prefix}'"
    assert Path(values["pyw_py_header"].strip("'")).is_file()


def test_install_below_destdir(tmp_path):
    run("make", "-C", BUILT, "install", f"DESTDIR={tmp_path}")
    installed = {path.name: path for path in tmp_path.rglob("*") if path.is_file()}
    assert {"mod_pywsgi.so", "pywsgi-daemon"} <= set(installed)
    assert installed["pywsgi-daemon"].parent == tmp_path / "usr/local/libexec/mod_pywsgi"
    assert os.access(installed["pywsgi-daemon"], os.X_OK)
    run("make", "-C", BUILT, "uninstall", f"DESTDIR={tmp_path}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def database():
    """How each source of the server is compiled, by its path below src/server."""
    run("make", "-C", BUILT, "compile_commands.json")
    server = ROOT / "src/server"
    rows = json.loads((BUILT / "compile_commands.json").read_text())
    return {
        str(Path(row["file"]).relative_to(server)): row["command"]
        for row in rows
        if Path(row["file"]).is_relative_to(server)
    }


def test_every_source_is_compiled(database):
    server = ROOT / "src/server"
    assert set(database) == {str(path.relative_to(server)) for path in server.rglob("*.c")}


def test_no_half_is_shown_the_headers_of_the_other(database):
    for file, command in database.items():
        floor = file.split("/")[0]
        sees_httpd, sees_python = "apr-1" in command, "PYW_PYTHON_VERSION" in command
        assert sees_httpd == (floor in ("apache", "mod_pywsgi.c")), file
        assert sees_python == (floor in ("python", "wsgi", "asgi", "host", "embed")), file


APPLICATION = """
import sys
import mod_pywsgi.runtime
def application(environ, start_response):
    start_response("200 OK", [])
    package = mod_pywsgi.runtime.__file__.partition("/python3")[0]
    return [f"{sys.prefix} {package}".encode()]
"""
RELEASED = (
    "configure",
    "configure.ac",
    "Makefile.in",
    "setup.py",
    "src/server/mod_pywsgi.c",
    "dev",
    "packaging/debian/rules",
)


def test_make_dist(tmp_path):
    run(ROOT / "configure", "-q", "--without-python", cwd=tmp_path)
    run("make", "dist", cwd=tmp_path)
    (archive,) = tmp_path.glob("mod_pywsgi-*.tar.gz")
    check_release(archive)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an unpacked release")
def test_make_dist_packs_nothing_where_git_does_not_answer(tmp_path):
    run(ROOT / "configure", "-q", "--without-python", cwd=tmp_path)
    env = {**os.environ, "GIT_DIR": str(tmp_path / "none")}
    done = subprocess.run(["make", "dist"], cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode != 0
    assert not list(tmp_path.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def distributions():
    """What `python -m build` makes: an sdist, and from what that holds, a wheel."""
    folder = machine.make_root("pywsgi-build-")
    # Whether it is complete is the question, not how fast it is.
    run(sys.executable, "-m", "build", "--outdir", folder, CFLAGS="-O0", PYWSGI_BUILD_DIR="")
    yield folder
    machine.remove_tree(folder)


@pytest.mark.timeout(600)  # who comes first compiles
def test_sdist(distributions):
    (archive,) = distributions.glob("mod_pywsgi-*.tar.gz")
    check_release(archive)


def check_release(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = {name.split("/", 1)[1] for name in tar.getnames() if "/" in name}
    assert set(RELEASED) <= names
    assert not [name for name in names if name.startswith((".venv", "build/")) or ".so" in name]


@pytest.mark.timeout(600)
def test_wheel(distributions):
    (wheel,) = distributions.glob("*.whl")
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert f"-{tag}-{tag}" in wheel.name and "linux" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    programs = {Path(name).name for name in names if "data/libexec/mod_pywsgi/" in name}
    assert programs == {"mod_pywsgi.so", "pywsgi-daemon", "pywsgi-embed.so"}
    ours = {str(path.relative_to(ROOT / "python")) for path in (ROOT / "python").rglob("*.j2")}
    pages = {"mod_pywsgi/manual/docs/express.html", "mod_pywsgi/manual/images/first-run.png"}
    assert ours | pages | {"mod_pywsgi/py.typed", "mod_pywsgi/runtime/welcome.html"} <= set(names)


@pytest.mark.timeout(600)
@pytest.mark.no_asan
def test_wheel_serves_from_a_clean_environment(distributions):
    """As whoever has pip, and nothing of this tree."""
    (wheel,) = distributions.glob("*.whl")
    venv = distributions / "venv"
    run(sys.executable, "-m", "venv", venv)
    run(venv / "bin/pip", "install", "-q", wheel)
    site = distributions / "site"
    site.mkdir(mode=0o777)
    server = Express(site, None, [str(venv / "bin/mod-pywsgi-express")])
    server.write("app.py", APPLICATION)
    distributions.chmod(0o777)
    server.start("app.py", user=NOBODY)
    try:
        assert server.get("/").text == f"{venv} {venv}/lib"
    finally:
        server.stop()
