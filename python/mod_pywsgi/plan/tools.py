"""Debug mode and the tools that imply it."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mod_pywsgi import options as opt
from mod_pywsgi.errors import ConfigError
from mod_pywsgi.options import Option, environment, tools
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.paths import Paths
from mod_pywsgi.settings import Settings

_OUTPUTS = (
    ("coverage", tools.ENABLE_COVERAGE, tools.COVERAGE_DIRECTORY, "htmlcov"),
    ("profiler", tools.ENABLE_PROFILER, tools.PROFILER_DIRECTORY, "pstats"),
    ("recorder", tools.ENABLE_RECORDER, tools.RECORDER_DIRECTORY, "archive"),
)


# In debug mode. What waits for the terminal, and what measures, knows the first interpreter only;
# and what they write, they write at its end.
IGNORED: tuple[Option[Any], ...] = (opt.APPLICATION_GROUP, environment.ORPHAN_INTERPRETER)
# The threads of the others wait for signals, which gdb then does not get to see.
_MPMS_FOR_GDB = ("prefork", "worker", "event")


@dataclass(frozen=True)
class Tools:
    """What is used. All of it is off outside of debug mode.

    :param coverage: directory for its output; likewise profiler, recorder. None where it is off.
    :param gdb: the gdb to run, a name or an absolute path.
    """

    debugger: bool
    debugger_startup: bool
    coverage: Path | None
    profiler: Path | None
    recorder: Path | None
    gdb: str | None

    def directories(self) -> Iterator[tuple[str, Path]]:
        """The directories that the application's user writes to, by option."""
        for name, _, directory, _ in _OUTPUTS:
            path: Path | None = getattr(self, name)
            if path:
                yield directory.flag, path

    def own_directories(self, root: Path) -> list[Path]:
        """Those of them that are in the server root."""
        return [path for _, path in self.directories() if path.parent == root]

    def for_handler(self) -> dict[str, str | bool | None]:
        """What the handler script is told."""
        return {
            "debugger": self.debugger,
            "debugger_startup": self.debugger_startup,
            **{name: str(path) if (path := getattr(self, name)) else None for name, *_ in _OUTPUTS},
        }


def with_implied(settings: Settings) -> Settings:
    """The settings, with what a tool implies: debug mode, and for gdb where Ctrl-C stops it."""
    by = next((option for option in tools.IMPLY_DEBUG_MODE if settings[option]), opt.DEBUG_MODE)
    if not settings[by]:
        return settings
    values, sources = dict(settings.values), dict(settings.sources)
    if not settings[opt.DEBUG_MODE]:
        values[opt.DEBUG_MODE.name] = True
        sources[opt.DEBUG_MODE.name] = settings.source(by)
    for option in IGNORED:
        values[option.name] = option.default
    if settings[tools.ENABLE_GDB] and not settings[opt.SERVER_MPM]:
        values[opt.SERVER_MPM.name] = _MPMS_FOR_GDB
    return dataclasses.replace(settings, values=values, sources=sources)


def decide(settings: Settings, facts: Facts, paths: Paths) -> Tools:
    """Decide it.

    :raises ConfigError: the debugger is to start, and is not enabled.
    """
    if settings[tools.DEBUGGER_STARTUP] and not settings[tools.ENABLE_DEBUGGER]:
        raise ConfigError(
            f"{settings.source(tools.DEBUGGER_STARTUP)} needs {tools.ENABLE_DEBUGGER.flag}.",
            f"Add {tools.ENABLE_DEBUGGER.flag}.",
        )
    return Tools(
        debugger=settings[tools.ENABLE_DEBUGGER],
        debugger_startup=settings[tools.DEBUGGER_STARTUP],
        gdb=_gdb(settings, facts) if settings[tools.ENABLE_GDB] else None,
        **{
            name: (settings[directory] or paths.root / default) if settings[enable] else None
            for name, enable, directory, default in _OUTPUTS
        },
    )


def _gdb(settings: Settings, facts: Facts) -> str:
    named = settings[tools.GDB_EXECUTABLE] or "gdb"
    # The control script runs it from another directory.
    return str(facts.machine.current_directory / named) if "/" in named else named


def without_effect(settings: Settings) -> Iterator[tuple[Option[Any], Option[bool]]]:
    """Options that were given without the one that they are about."""
    options: list[tuple[Option[Any], Option[bool]]] = [
        (directory, enable) for _, enable, directory, _ in _OUTPUTS
    ]
    for option, enable in (*options, (tools.GDB_EXECUTABLE, tools.ENABLE_GDB)):
        if settings.is_given(option) and not settings[enable]:
            yield option, enable
