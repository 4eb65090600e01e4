"""`manage.py runpywsgi`: a project as `django-admin startproject` makes it, and what is then served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import httpd, machine, tls, wait
from support.express import Express, environment, site_of

pytest.importorskip("django", reason="Django is not installed here")

pytestmark = pytest.mark.no_asan

VIEWS = """
import json, os, sys
from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

def show(request):
    return HttpResponse(json.dumps({
        "module": settings.SETTINGS_MODULE,
        "variable": os.environ.get("DJANGO_SETTINGS_MODULE"),
        "debug": settings.DEBUG,
        "path": sys.path,
        "directory": os.getcwd(),
        "static": static("admin/css/base.css"),
        "reload": "before",
    }))

urlpatterns = [path("admin/", admin.site.urls), path("", show)]
"""


class Project(Express):
    """A new project; `start` and `refused` are runpywsgi."""

    def __init__(self, site: Path, artifacts: machine.Artifacts) -> None:
        super().__init__(site, artifacts, (sys.executable, "manage.py"))
        subprocess.run(
            [sys.executable, "-m", "django", "startproject", "mysite", str(site)], check=True
        )
        (site / "mysite" / "urls.py").write_text(VIEWS)
        self.add("INSTALLED_APPS += ['mod_pywsgi.django']", "ALLOWED_HOSTS = ['127.0.0.1']")

    def command(self, *words: str, user: str | None = None) -> list[str]:
        if words[0] == "start-server":
            words = ("runpywsgi", *words[1:])
        return super().command(*words, user=user)

    def add(self, *lines: str, name: str = "settings") -> None:
        with (self.site / "mysite" / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))

    def shows(self, target: str = "/") -> dict[str, Any]:
        response = self.get(target)
        assert response.status == 200, (response, self.story())
        answer: dict[str, Any] = json.loads(response.body)
        return answer


@pytest.fixture
def project(around: httpd.Surroundings) -> Iterator[Project]:
    with site_of(Project, around.artifacts) as made:
        yield made


def test_from_startproject_to_static_files(project: Project) -> None:
    """What the warnings say to type, typed: then the admin has its style sheets, from Apache."""
    project.start()
    assert project.get("/admin/login/").status == 200
    assert project.get("/static/admin/css/base.css").status == 404
    assert "DEBUG is True" in project.output
    assert "STATIC_ROOT is not set" in project.output
    assert project.shows()["variable"] == "mysite.settings"
    assert project.shows()["directory"] == str(project.site)
    assert project.stop() == 0

    project.output = ""
    project.add("DEBUG = False", "STATIC_ROOT = BASE_DIR / 'static'")
    project.start()
    assert f"STATIC_ROOT, {project.site / 'static'}, is empty" in project.output
    assert "python manage.py collectstatic" in project.output
    project.stop()

    project.output = ""
    assert project.run("collectstatic", "--no-input").returncode == 0
    project.start()
    assert "mod_pywsgi." not in project.output.replace("mod_pywsgi.so", "")
    sheet = project.get("/static/admin/css/base.css")
    assert sheet.status == 200
    assert sheet.header("Accept-Ranges") == "bytes"  # as Apache's files have, and Django's not
    assert "Django administration" in project.get("/admin/login/").text
    assert project.shows()["debug"] is False


def test_another_settings_module_and_path_reach_the_processes(project: Project) -> None:
    project.write("elsewhere/needed.py", "VALUE = 1\n")
    project.write(
        "mysite/production.py", "import needed\nfrom mysite.settings import *\nDEBUG = False\n"
    )
    files = project.site / "uploads"
    project.add("MEDIA_URL = 'files/'", "MEDIA_ROOT = BASE_DIR / 'uploads'", name="production")
    refused = project.refused("--settings", "mysite.production")
    assert "needed" in refused.stderr
    words = ("--settings", "mysite.production", "--pythonpath", "elsewhere")
    project.start(*words, "--mount-point", "/shop", wait_for="/shop/")
    assert f"MEDIA_ROOT, {files}, does not exist" in project.output
    assert f"mkdir -p {files}" in project.output
    shown = project.shows("/shop/")
    assert shown["module"] == shown["variable"] == "mysite.production"
    assert str(project.site / "elsewhere") in shown["path"]
    # The URLs that Django writes are those that Apache serves: both are below the mount point.
    assert shown["static"] == "/shop/static/admin/css/base.css"
    project.stop()

    files.mkdir()
    project.write("uploads/a.txt", "uploaded\n")
    project.add("STATIC_ROOT = BASE_DIR / 'static'", name="production")
    project.write("static/admin/css/base.css", "collected\n")
    project.start(*words, "--mount-point", "/shop", wait_for="/shop/")
    assert project.get("/shop/files/a.txt").text == "uploaded\n"
    assert project.get(project.shows("/shop/")["static"]).text == "collected\n"


def test_setup_only_and_a_settings_file(project: Project) -> None:
    """The generated script starts the same; options come from pywsgi.toml beside manage.py."""
    project.write(
        "pywsgi.toml", f"server_root = '{project.root}'\nsetenv = {{ A = 'b' }}\nthreads = 1\n"
    )
    project.write("mysite/production.py", "from mysite.settings import *\nDEBUG = False\n")
    port = machine.Port()
    project.port = port.number
    words = ("--setup-only", "--settings", "mysite.production", "--port", str(port.number))
    done = subprocess.run(
        [sys.executable, str(project.site / "manage.py"), "runpywsgi", *words],
        cwd="/",
        env=environment(project.artifacts, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Server Root" in done.stdout
    conf = (project.root / "httpd.conf").read_text()
    assert 'env="DJANGO_SETTINGS_MODULE=mysite.production"' in conf
    assert 'threads="1"' in conf
    port.release()
    assert project.control("start").returncode == 0
    try:
        wait.until(lambda: _answers(project), "the server to answer")
        assert project.shows()["variable"] == "mysite.production"
    finally:
        project.control("stop")
        wait.until(lambda: not (project.root / "httpd.pid").exists(), "the server to end")


def test_from_python(project: Project) -> None:
    """call_command() takes Python's values."""
    (project.site / "static").mkdir()
    given = (
        f"setup_only=True, port=8123, server_root='{project.root}', setenv=[('A', 'b')],"
        " access_log=False, python_path=['mysite']"
    )
    call = f"from django.core.management import call_command; call_command('runpywsgi', {given})"
    done = project.run("shell", "-c", call)
    assert done.returncode == 0, done.stderr
    conf = (project.root / "httpd.conf").read_text()
    assert 'Listen "8123"' in conf
    assert 'SetEnv "A" "b"' in conf
    assert f"python-path={json.dumps(str(project.site / 'mysite'))}" in conf


def _answers(project: Project) -> bool:
    try:
        return project.get("/").status == 200
    except OSError:
        return False


def test_reload_on_changes(project: Project) -> None:
    project.start("--reload-on-changes")
    assert "DEBUG is True" not in project.output
    assert project.shows()["reload"] == "before"
    urls = project.site / "mysite" / "urls.py"
    urls.write_text(urls.read_text().replace('"before"', '"after"'))
    wait.until(lambda: project.shows()["reload"] == "after", "the new code", timeout=20)


def test_behind_tls(project: Project) -> None:
    """Django's checks for deployment are run; its own redirect leads to where there is TLS."""
    project.add("DEBUG = False", "SECURE_SSL_REDIRECT = True", "ALLOWED_HOSTS += ['localhost']")
    port = tls.free_port()
    project.start("--https-port", str(port), "--self-signed")
    assert project.get("/").status == 301
    assert tls.get(port, "/", trusted=project.root / "self-signed.crt").status == 200
    assert "security.W004" in project.output
    assert "mod_pywsgi.W005" not in project.output


def test_a_project_without_its_wsgi_file(project: Project) -> None:
    (project.site / "mysite" / "wsgi.py").unlink()
    project.add("WSGI_APPLICATION = None", "DEBUG = False")
    project.start("--embedded-mode")
    assert project.shows()["variable"] == "mysite.settings"


@pytest.mark.parametrize(
    ("lines", "words", "said"),
    [
        (
            ["DEBUG = False", "ALLOWED_HOSTS = []"],
            [],
            "(mod_pywsgi.E001) ALLOWED_HOSTS is empty",
        ),
        (
            [],
            ["--server-name", "www.example.org"],
            "(mod_pywsgi.E002) --server-name www.example.org",
        ),
        (["MEDIA_ROOT = BASE_DIR", "MEDIA_URL = '/m/'"], [], "(mod_pywsgi.E003) MEDIA_ROOT"),
        (["INSTALLED_APPS.remove('django.contrib.messages')"], [], "(admin.E406)"),
        ([], ["--threads", "none"], "--threads must be a whole number"),
        (
            [],
            ["--env", "DJANGO_SETTINGS_MODULE", "mysite.production"],
            "--env sets DJANGO_SETTINGS_MODULE to mysite.production, and manage.py uses mysite.settings",
        ),
        ([], ["--treads", "1"], "unrecognized arguments: --treads"),
        ([], ["--entry-point", "missing.wsgi"], "There is no file or directory"),
    ],
)
def test_what_is_refused(project: Project, lines: list[str], words: list[str], said: str) -> None:
    project.add(*lines)
    refused = project.refused(*words)
    assert refused.returncode != 0
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not os.path.exists(project.root)


def test_help_has_the_options(project: Project) -> None:
    shown = project.run("runpywsgi", "--help").stdout
    for word in ("--reload-on-changes", "--url-alias URL-PATH PATH", "--settings", "--config FILE"):
        assert word in shown
