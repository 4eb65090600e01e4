"""What a Django project's settings say about serving it. Reads settings, runs nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# For a project without WSGI_APPLICATION.
_OWN_APPLICATION = "mod_pywsgi.runtime.django.application"


@dataclass(frozen=True)
class Files:
    """A URL that the settings give to files, and the directory of these.

    :param setting: the name of the directory's setting.
    :param url: its path, without a slash at the end; empty if Apache cannot serve it: it is on another
        host, or would be all URLs. :param root: None where the setting is empty.
    """

    setting: str
    url: str
    root: Path | None

    @property
    def can_be_served(self) -> bool:
        """Whether Apache can. Media may come later; static files that are not there are missing."""
        if not self.url or self.root is None or not self.root.is_dir():
            return False
        return self.setting != "STATIC_ROOT" or next(self.root.iterdir(), None) is not None


def entry_point(settings: Any) -> tuple[str, str]:
    """The module that has the callable, and the callable's name."""
    named = getattr(settings, "WSGI_APPLICATION", None) or _OWN_APPLICATION
    module, _, name = named.rpartition(".")
    return module, name


def files(settings: Any, mount_point: str) -> Iterator[Files]:
    """Files that Apache can serve: static ones, unless whitenoise does, and media."""
    if not has_whitenoise(settings):
        yield _files(settings, "STATIC_URL", "STATIC_ROOT", mount_point)
    yield _files(settings, "MEDIA_URL", "MEDIA_ROOT", mount_point)


def _files(settings: Any, url_name: str, root_name: str, mount_point: str) -> Files:
    root = getattr(settings, root_name, None)
    return Files(
        root_name,
        _path_of(_raw(settings, url_name), mount_point),
        Path(os.path.abspath(root)) if root else None,
    )


def _raw(settings: Any, name: str) -> str:
    """A URL as the project wrote it. Django itself prefixes one that is relative by the URL at which
    the running request found the site; there is no request, and --mount-point says it."""
    written = getattr(settings, "_wrapped", settings)
    return getattr(written, name, None) or ""


def _path_of(url: str, mount_point: str) -> str:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or not url:
        return ""
    path = parts.path if url.startswith("/") else f"{mount_point.rstrip('/')}/{parts.path}"
    return path.rstrip("/")


def has_whitenoise(settings: Any) -> bool:
    """Whether the project serves its static files itself."""
    return any("whitenoise" in str(name).lower() for name in settings.MIDDLEWARE)
