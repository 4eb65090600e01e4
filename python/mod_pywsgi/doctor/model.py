"""Checks, their findings, and what is examined."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from mod_pywsgi import artifacts, launch
from mod_pywsgi.artifacts import Artifacts, PythonFacts
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ApplicationError, PywsgiError
from mod_pywsgi.httpd import facts as httpd_facts
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.identity import Identity
from mod_pywsgi.options import ENTRY_POINT, paths
from mod_pywsgi.plan import Facts, Plan
from mod_pywsgi.settings import Settings

T = TypeVar("T")

OK, HINT, FAILURE, SKIPPED = "ok", "hint", "failure", "skipped"

# What is looked at where there is no application: something that every Python has.
_STAND_IN = Target("module", "wsgiref.simple_server", "", "demo_app")


@dataclass(frozen=True)
class Finding:
    """What a check found.

    :param level: ok; hint: it works, though not all or not well; failure: it does not; skipped.
    :param text: one sentence. :param remedy: what to type or to do next, in lines.
    """

    level: str
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    return Finding(OK, text)


def hint(text: str, remedy: str) -> Finding:
    return Finding(HINT, text, remedy)


def failure(text: str, remedy: str) -> Finding:
    return Finding(FAILURE, text, remedy)


def skipped(text: str) -> Finding:
    return Finding(SKIPPED, text)


class Missing(Exception):
    """A fact that a check needs could not be had; another check has said why."""


class _Fact(Generic[T]):
    """An attribute that is found out once. Who asks first gets the error, who asks later Missing."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__

    @overload
    def __get__(self, subject: None, owner: type) -> "_Fact[T]": ...
    @overload
    def __get__(self, subject: "Subject", owner: type) -> T: ...

    def __get__(self, subject: "Subject | None", owner: type) -> "T | _Fact[T]":
        if subject is None:
            return self
        known = subject.known
        if self._name not in known:
            try:
                known[self._name] = self._make(subject)
            except PywsgiError as error:
                known[self._name] = error
                raise
        found = known[self._name]
        if isinstance(found, PywsgiError):
            raise Missing(f"the {self._name.replace('_', ' ')}")
        value: T = found
        return value


class Subject:
    """What is examined: the machine, and what start-server would do with these options.

    :param argument: the application as given on the command line.
    :param system: where ``/proc``, ``/sys`` and ``/etc`` are looked for.
    """

    def __init__(self, settings: Settings, argument: str | None, system: Path = Path("/")) -> None:
        self.settings = settings
        self.argument = argument
        self.system = system
        self.known: dict[str, Any] = {}

    def read(self, path: str) -> str:
        """A file of the system, or an empty string."""
        try:
            return (self.system / path.lstrip("/")).read_text(errors="replace")
        except OSError:
            return ""

    @property
    def is_named(self) -> bool:
        """Whether the user said what is to be served."""
        return bool(self.argument) or self.settings.is_given(ENTRY_POINT)

    @_Fact
    def apache(self) -> HttpdFacts:
        return httpd_facts.find(
            program=self.settings[paths.HTTPD_EXECUTABLE],
            modules_directory=self.settings[paths.MODULES_DIRECTORY],
        )

    @_Fact
    def compiled_parts(self) -> Artifacts:
        return artifacts.find()

    @_Fact
    def python(self) -> PythonFacts:
        return artifacts.python_facts()

    @_Fact
    def user(self) -> Identity:
        entry = launch.entry_point(self.settings, self.argument)
        return launch.choose_identity(self.settings, entry)

    @_Fact
    def application(self) -> Target | None:
        """None where nothing was named, and nothing is here."""
        entry = launch.entry_point(self.settings, self.argument)
        try:
            return launch.find_target(self.settings, entry, self.user)
        except ApplicationError:
            if self.is_named:
                raise
            return None

    @property
    def served(self) -> Target | None:
        """The application if there is one that can be served. Why not, another check says."""
        try:
            return self.application
        except (ApplicationError, Missing):
            return None

    @_Fact
    def plan(self) -> Plan:
        return self.make_plan(self.settings)

    def make_plan(self, settings: Settings) -> Plan:
        """The plan for other settings than those that were given."""
        facts = Facts(
            httpd=self.apache,
            artifacts=self.compiled_parts,
            python=self.python,
            identity=self.user,
            target=self.served or _STAND_IN,
            machine=launch.machine(),
        )
        return launch.make_plan(settings, facts)


@dataclass(frozen=True)
class Check:
    """One thing to look at.

    :param run: yields findings, or raises a PywsgiError, which is a failure.
    """

    name: str
    run: Callable[[Subject], Iterator[Finding]]
