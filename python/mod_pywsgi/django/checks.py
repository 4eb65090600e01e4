"""What of a project's settings does not go with being served so. Each says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.http.request import validate_host

from mod_pywsgi.django.project import Files


@dataclass(frozen=True)
class Serving:
    """How the project would be served.

    :param has_tls: whether this server speaks TLS. :param trusts_proxy: whether it takes from a
        proxy how the client connected. :param is_development: whether it reloads or debugs.
    :param server_name: the only host name it answers to, if there is one.
    :param code: the directory of the project.
    """

    has_tls: bool
    trusts_proxy: bool
    is_development: bool
    server_name: str | None
    code: Path
    files: tuple[Files, ...]


def run(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    """All of them, but those that the project silences."""
    for check in (_debug, _hosts, _static, _media, _exposed, _redirect, _cookies, _proxy_header):
        for message in check(settings, serving):
            if not message.is_silenced():
                yield message


def _debug(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    if settings.DEBUG and not serving.is_development:
        yield Warning(
            "DEBUG is True: whoever makes the site fail sees its code and settings.",
            hint="While you develop, add --reload-on-changes; in production, set DEBUG = False.",
            id="mod_pywsgi.W001",
        )


def _hosts(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    hosts = settings.ALLOWED_HOSTS
    if not hosts and not settings.DEBUG:
        yield Error(
            "ALLOWED_HOSTS is empty, and DEBUG is False: Django would answer every request by 400.",
            hint="Set ALLOWED_HOSTS to the names that the site has: ['www.example.org'], or for this"
            " machine alone ['localhost'].",
            id="mod_pywsgi.E001",
        )
    elif hosts and serving.server_name and not validate_host(serving.server_name, hosts):
        yield Error(
            f"--server-name {serving.server_name} is not in ALLOWED_HOSTS: Django would answer every"
            " request by 400.",
            hint=f"Add {serving.server_name!r} to ALLOWED_HOSTS.",
            id="mod_pywsgi.E002",
        )


def _static(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    if "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return
    for files in serving.files:
        if files.setting != "STATIC_ROOT" or not files.url:
            continue
        if files.root is None:
            yield Warning(
                f"STATIC_ROOT is not set: there will be no static files at {files.url}/.",
                hint="Add to the settings: STATIC_ROOT = BASE_DIR / 'static', then type:"
                " python manage.py collectstatic",
                id="mod_pywsgi.W002",
            )
        elif not files.can_be_served:
            yield Warning(
                f"STATIC_ROOT, {files.root}, is empty: there will be no static files at {files.url}/.",
                hint="Type: python manage.py collectstatic",
                id="mod_pywsgi.W003",
            )


def _media(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    for files in serving.files:
        if files.setting == "MEDIA_ROOT" and files.url and files.root and not files.can_be_served:
            yield Warning(
                f"MEDIA_ROOT, {files.root}, does not exist: what is uploaded will not be served"
                f" at {files.url}/.",
                hint=f"Type: mkdir -p {files.root}",
                id="mod_pywsgi.W004",
            )


def _exposed(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    """Before an alias opens the code, and what lies beside it, to everybody."""
    for files in serving.files:
        if files.url and files.root and files.root in (serving.code, *serving.code.parents):
            yield Error(
                f"{files.setting}, {files.root}, holds the project's own code, which everybody could"
                f" read at {files.url}/.",
                hint=f"Give it a directory of its own: {files.setting} = BASE_DIR / 'files'",
                id="mod_pywsgi.E003",
            )


def _redirect(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    if settings.SECURE_SSL_REDIRECT and not _knows_tls(settings, serving):
        yield Warning(
            "SECURE_SSL_REDIRECT is True, and this server does not speak TLS: every request is sent"
            " to https, where nothing answers, or in circles.",
            hint="Add --https-port and a certificate; behind a proxy that speaks TLS, set"
            " SECURE_PROXY_SSL_HEADER, or add --trust-proxy-header X-Forwarded-Proto.",
            id="mod_pywsgi.W005",
        )


def _cookies(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    names = [
        name
        for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
        if getattr(settings, name) and not _knows_tls(settings, serving)
    ]
    if names:
        yield Warning(
            f"{' and '.join(names)}: browsers send such cookies by TLS alone, which this server does"
            " not speak; nobody can log in.",
            hint="Add --https-port and a certificate, or a proxy in front that speaks TLS.",
            id="mod_pywsgi.W006",
        )


def _proxy_header(settings: Any, serving: Serving) -> Iterator[CheckMessage]:
    if settings.SECURE_PROXY_SSL_HEADER and not serving.trusts_proxy:
        name = settings.SECURE_PROXY_SSL_HEADER[0].removeprefix("HTTP_").replace("_", "-").title()
        yield Warning(
            f"SECURE_PROXY_SSL_HEADER believes {name} from every client that reaches this server.",
            hint="Let only the proxy reach it, by --host, and say that it is one:"
            f" --trust-proxy-header {name}",
            id="mod_pywsgi.W007",
        )


def _knows_tls(settings: Any, serving: Serving) -> bool:
    """Whether Django can see a request that came by TLS."""
    return serving.has_tls or serving.trusts_proxy or bool(settings.SECURE_PROXY_SSL_HEADER)
