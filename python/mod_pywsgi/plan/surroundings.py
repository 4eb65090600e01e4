"""Where Python code runs, and what it can import."""

from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.settings import Settings


def working_directory(settings: Settings, facts: Facts) -> Path:
    """The directory in which the application runs."""
    given = settings[opt.WORKING_DIRECTORY]
    if given:
        return given
    return Path(facts.target.directory or facts.machine.current_directory)


def python_path(
    settings: Settings, facts: Facts, directory: Path, embedded: bool
) -> tuple[Path, ...]:
    """What comes before the installed packages. A daemon's home= is put first by the server."""
    given: tuple[Path, ...] = settings[opt.PYTHON_PATH]
    paths = [directory, *given] if embedded else [*given]
    if facts.target.kind == "script":
        beside = Path(facts.target.name).parent
        if not facts.target.directory and beside != directory:
            paths.append(beside)
    elif facts.target.directory and Path(facts.target.directory) != directory:
        paths.append(Path(facts.target.directory))
    if facts.python.extra_path:
        paths.append(facts.python.extra_path)
    for path in paths:
        if ":" in str(path):
            raise ConfigError(f"A directory on the Python path must not contain ':': {path}.")
    return tuple(dict.fromkeys(paths))
