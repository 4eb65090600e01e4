"""Environments of Python that a configuration names: is mod_pywsgi in them, is it needed there."""

import re
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = Path("libexec", "mod_pywsgi", "pywsgi-daemon")
OLDEST = (3, 10)


@dataclass(frozen=True)
class Lack:
    """What an environment lacks. ``is_needed``: groups that use it do not start without."""

    text: str
    is_needed: bool


def look(home: str, own_version: str) -> Lack | None:
    """Look an environment over; None if nothing is to be said.

    :param own_version: the Python that this installation of mod_pywsgi was built for.
    """
    directory = Path(home)
    install = f"{_python(directory)} -m pip install /path/to/mod_pywsgi"
    try:
        if (directory / _PROGRAM).is_file():
            return None
        if not directory.is_dir():
            return Lack(f"{home} is not there. Where it is, run: {install}", is_needed=True)
        versions = _versions(directory)
    except OSError as error:
        return Lack(f"{home} cannot be looked at: {error.strerror}", is_needed=True)
    if own_version in versions:
        return Lack(
            f"{home} has no mod_pywsgi; Python {own_version} is served by the installed one."
            f" For an own one, run: {install}",
            is_needed=False,
        )
    named = " or ".join(versions) or "of an unknown version"
    if versions and all(_numbers(version) < OLDEST for version in versions):
        return Lack(
            f"{home} has Python {named}: mod_pywsgi needs 3.10 or later. Make the environment anew.",
            is_needed=True,
        )
    return Lack(f"{home} has Python {named} and no mod_pywsgi. Run: {install}", is_needed=True)


def _python(home: Path) -> Path:
    python = home / "bin" / "python"
    try:
        return python if python.exists() else python.with_name("python3")
    except OSError:
        return python


def _versions(home: Path) -> list[str]:
    """Versions of Python in a virtual environment (one) or a prefix (any number)."""
    settings = home / "pyvenv.cfg"
    if settings.is_file():
        text = settings.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", text, re.MULTILINE)
        return [found[1]] if found else []
    names = {
        path.name for pattern in ("lib", "lib64") for path in home.glob(f"{pattern}/python3.*")
    }
    versions = {name.removeprefix("python") for name in names}
    return sorted((one for one in versions if re.fullmatch(r"\d+\.\d+", one)), key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
