"""The pages of the documentation, which Apache serves."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options.documentation import ENABLE_DOCS
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import Listen, base_url
from mod_pywsgi.settings import Settings

DOCS_URL = "/__wsgi__/docs"
IMAGES_URL = "/__wsgi__/images"


@dataclass(frozen=True)
class Documentation:
    """Directories, and where they are served.

    :param url: to show.
    """

    docs: Path
    images: Path
    url: str
    docs_url: str = DOCS_URL
    images_url: str = IMAGES_URL


def decide(settings: Settings, facts: Facts, listen: Listen) -> Documentation | None:
    """The documentation, where it was asked for or there is no application.

    :raises ConfigError: it was asked for, and is not installed.
    """
    if facts.manual:
        if not settings[ENABLE_DOCS] and facts.target.kind != "welcome":
            return None
        url = f"{base_url('http', listen.shown, listen.port)}{DOCS_URL}/"
        return Documentation(facts.manual / "docs", facts.manual / "images", url)
    if settings[ENABLE_DOCS]:
        raise ConfigError(
            "--enable-docs: the documentation was not installed with mod_pywsgi.",
            "Install markdown-it-py, then mod_pywsgi again, both with this Python.",
        )
    return None
