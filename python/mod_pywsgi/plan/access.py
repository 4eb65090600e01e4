"""Who may come in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, access
from mod_pywsgi.options import static as files
from mod_pywsgi.plan.application import Application
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.settings import Settings


@dataclass(frozen=True)
class Access:
    """Who may come in.

    :param process_group: where the scripts run; "%{GLOBAL}" for Apache's own processes.
    :param realm: what the browser is told that the password is for.
    :param open_pages: URL paths that need no password: those that say that one is needed.
    :param scripts: all of them, with what each is.
    """

    host_script: Path | None
    user_script: Path | None
    auth_type: str
    group_script: Path | None
    group: str
    realm: str
    process_group: str
    open_pages: tuple[str, ...]
    scripts: tuple[tuple[str, Path], ...]


_UNAUTHORIZED = 401
_NEEDS: tuple[tuple[Option[Any], Option[Any]], ...] = (
    (access.AUTH_TYPE, access.AUTH_USER_SCRIPT),
    (access.AUTH_GROUP_SCRIPT, access.AUTH_USER_SCRIPT),
    (access.AUTH_GROUP, access.AUTH_GROUP_SCRIPT),
)


def decide(settings: Settings, listen: Listen, application: Application) -> Access:
    """Decide it.

    :raises ConfigError: nobody is asked for a password, though something was said about it.
    """
    for option, needed in _NEEDS:
        if settings.is_given(option) and not settings[needed]:
            raise ConfigError(f"{settings.source(option)} needs {needed.flag}.")
    named = (access.HOST_ACCESS_SCRIPT, access.AUTH_USER_SCRIPT, access.AUTH_GROUP_SCRIPT)
    return Access(
        host_script=settings[access.HOST_ACCESS_SCRIPT],
        user_script=settings[access.AUTH_USER_SCRIPT],
        auth_type=settings[access.AUTH_TYPE],
        group_script=settings[access.AUTH_GROUP_SCRIPT],
        group=settings[access.AUTH_GROUP],
        realm=f"{listen.host or 'localhost'}:{listen.port}",
        process_group=application.target_group,
        open_pages=tuple(
            page.partition("?")[0]
            for status, page in settings[files.ERROR_DOCUMENTS]
            if status == _UNAUTHORIZED
            and page.startswith("/")
            and settings[access.AUTH_USER_SCRIPT]
        ),
        scripts=tuple(
            (f"what {option.flag} names,", path) for option in named if (path := settings[option])
        ),
    )
