"""What is read from the settings of a Django project, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("django", reason="Django is not installed here")

from django.conf import settings as django_settings

from mod_pywsgi.django import checks, project
from mod_pywsgi.django.checks import Serving
from mod_pywsgi.django.project import Files

CODE = Path("/golden/site")


@pytest.fixture(autouse=True, scope="module")
def configured() -> None:
    """Messages look up which of them are silenced."""
    if not django_settings.configured:
        django_settings.configure()


def written(**changed: Any) -> Any:
    """Settings, of which those that matter here are good ones."""
    good = {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["www.example.org"],
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
        "MIDDLEWARE": [],
        "SECURE_SSL_REDIRECT": False,
        "SECURE_PROXY_SSL_HEADER": None,
        "SESSION_COOKIE_SECURE": False,
        "CSRF_COOKIE_SECURE": False,
    }
    return SimpleNamespace(**{**good, **changed})


def messages(settings: Any, *files: Files, **changed: Any) -> dict[str, str]:
    """Number and text with hint."""
    serving: dict[str, Any] = {
        "has_tls": False,
        "trusts_proxy": False,
        "is_development": False,
        "server_name": None,
        "code": CODE,
        "files": files,
    }
    found = checks.run(settings, Serving(**{**serving, **changed}))
    return {str(each.id).split(".")[1]: f"{each.msg} {each.hint}" for each in found}


def test_good_settings() -> None:
    assert messages(written()) == {}


@pytest.mark.parametrize(
    ("settings", "serving", "number", "word"),
    [
        ({"DEBUG": True}, {}, "W001", "--reload-on-changes"),
        ({"DEBUG": True}, {"is_development": True}, None, ""),
        ({"ALLOWED_HOSTS": []}, {}, "E001", "400"),
        ({"ALLOWED_HOSTS": [], "DEBUG": True}, {"is_development": True}, None, ""),
        ({}, {"server_name": "example.net"}, "E002", "Add 'example.net'"),
        ({}, {"server_name": "www.example.org"}, None, ""),
        ({"ALLOWED_HOSTS": [".example.net"]}, {"server_name": "a.example.net"}, None, ""),
        ({"SECURE_SSL_REDIRECT": True}, {}, "W005", "--https-port"),
        ({"SECURE_SSL_REDIRECT": True}, {"has_tls": True}, None, ""),
        ({"SECURE_SSL_REDIRECT": True}, {"trusts_proxy": True}, None, ""),
        ({"SESSION_COOKIE_SECURE": True}, {}, "W006", "SESSION_COOKIE_SECURE: browsers"),
        ({"CSRF_COOKIE_SECURE": True}, {"has_tls": True}, None, ""),
        (
            {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
            {},
            "W007",
            "--trust-proxy-header X-Forwarded-Proto",
        ),
        (
            {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
            {"trusts_proxy": True},
            None,
            "",
        ),
    ],
)
def test_settings(
    settings: dict[str, Any], serving: dict[str, Any], number: str | None, word: str
) -> None:
    found = messages(written(**settings), **serving)
    assert list(found) == ([number] if number else [])
    if number:
        assert word in found[number]


def test_files(tmp_path: Path) -> None:
    empty, filled = tmp_path / "empty", tmp_path / "filled"
    empty.mkdir()
    filled.mkdir()
    (filled / "a.css").touch()
    missing = tmp_path / "missing"
    cases = [
        (Files("STATIC_ROOT", "/static", None), "W002"),
        (Files("STATIC_ROOT", "/static", empty), "W003"),
        (Files("STATIC_ROOT", "/static", missing), "W003"),
        (Files("STATIC_ROOT", "/static", filled), None),
        (Files("STATIC_ROOT", "", None), None),
        (Files("MEDIA_ROOT", "/media", None), None),
        (Files("MEDIA_ROOT", "/media", missing), "W004"),
        (Files("MEDIA_ROOT", "/media", empty), None),
        (Files("MEDIA_ROOT", "", missing), None),
    ]
    for files, number in cases:
        assert list(messages(written(), files)) == ([number] if number else []), files
        assert files.can_be_served is (number is None and bool(files.url and files.root)), files
    assert messages(written(INSTALLED_APPS=[]), cases[0][0]) == {}


@pytest.mark.parametrize("root", [CODE, CODE.parent, Path("/")])
def test_the_code_is_not_served(root: Path) -> None:
    found = messages(written(), Files("MEDIA_ROOT", "/media", root), code=CODE)
    assert "E003" in found
    assert "own code" in found["E003"]
    assert "E003" not in messages(written(), Files("MEDIA_ROOT", "/m", CODE / "files"))


def test_silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_settings, "SILENCED_SYSTEM_CHECKS", ["mod_pywsgi.W001"])
    assert messages(written(DEBUG=True)) == {}


@pytest.mark.parametrize(
    ("url", "mount", "path"),
    [
        ("/static/", "/", "/static"),
        ("static/", "/", "/static"),
        ("static/", "/shop", "/shop/static"),
        ("/static/", "/shop", "/static"),
        ("https://cdn.example.org/static/", "/", ""),
        ("//cdn.example.org/static/", "/", ""),
        ("/", "/", ""),
        ("", "/", ""),
        (None, "/", ""),
    ],
)
def test_urls(url: str | None, mount: str, path: str) -> None:
    settings = written(STATIC_URL=url, STATIC_ROOT="/srv/static", MEDIA_URL="", MEDIA_ROOT="")
    static, media = project.files(settings, mount)
    assert static == Files("STATIC_ROOT", path, Path("/srv/static"))
    assert media == Files("MEDIA_ROOT", "", None)


def test_whitenoise_serves_by_itself() -> None:
    middleware = ["whitenoise.middleware.WhiteNoiseMiddleware"]
    settings = written(
        STATIC_URL="/static/", STATIC_ROOT="/srv/s", MEDIA_URL="/m/", MEDIA_ROOT="/srv/m"
    )
    assert [files.setting for files in project.files(settings, "/")] == [
        "STATIC_ROOT",
        "MEDIA_ROOT",
    ]
    settings.MIDDLEWARE = middleware
    assert [files.setting for files in project.files(settings, "/")] == ["MEDIA_ROOT"]


def test_entry_point() -> None:
    named = written(WSGI_APPLICATION="mysite.wsgi.application")
    assert project.entry_point(named) == ("mysite.wsgi", "application")
    for settings in (written(), written(WSGI_APPLICATION=None)):
        assert project.entry_point(settings) == ("mod_pywsgi.runtime.django", "application")
