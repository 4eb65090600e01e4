"""pypiserver: everybody may install, the maintainer may publish."""

from pathlib import Path

from pypiserver import app


def is_maintainer(user, password):
    """Whether these may upload."""
    return (user, password) == ("maintainer", "correct: battery")


application = app(
    roots=[Path(__file__).resolve().parent / "packages"],
    authenticate=["update"],
    password_file=None,
    auther=is_maintainer,
    disable_fallback=True,
)
