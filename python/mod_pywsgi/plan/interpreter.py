"""How Python is run."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import environment
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings


@dataclass(frozen=True)
class Interpreter:
    """How Python is run, in whatever process.

    :param switch_interval: seconds, None for Python's own.
    :param makes_eggs: whether the directory of eggs is one in the server root, to be made.
    """

    eggs: Path
    makes_eggs: bool
    warnings: tuple[str, ...]
    switch_interval: str | None
    free_threading: bool
    orphan: bool


def decide(settings: Settings, facts: Facts, paths: Paths) -> Interpreter:
    """Decide it.

    :raises ConfigError: this Python cannot do without a GIL.
    """
    free = settings[environment.FREE_THREADING]
    if free and not facts.python.is_free_threaded:
        raise ConfigError(
            f"{settings.source(environment.FREE_THREADING)} needs a free-threaded build of"
            f" Python, which {facts.python.home} (Python {facts.python.version}) is not.",
            "Install mod_pywsgi in an environment of one, such as python3.13t, or leave it out.",
        )
    interval = settings[environment.SWITCH_INTERVAL]
    given = settings[environment.PYTHON_EGGS]
    return Interpreter(
        eggs=given or paths.python_eggs,
        makes_eggs=given is None,
        warnings=settings[environment.PYTHON_WARNINGS],
        switch_interval=None if interval is None else f"{interval:.9f}".rstrip("0").rstrip("."),
        free_threading=free,
        orphan=settings[environment.ORPHAN_INTERPRETER],
    )
