"""Everything found out before anything is decided."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.artifacts import Artifacts, PythonFacts
from mod_pywsgi.discover import Target
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.identity import Identity


@dataclass(frozen=True)
class Machine:
    """Facts about this run's surroundings.

    :param stdout: what Apache can open to write there; likewise stderr.
    :param locale: the locale for the application, or an empty string to leave it alone.
    """

    current_directory: Path
    temporary_directory: Path
    uid: int
    locale: str
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Facts:
    """Everything found out before anything is decided.

    :param has_rules: the server root has rules of mod_rewrite that the user has written.
    :param manual: where the pages of the documentation are, if they were installed.
    """

    httpd: HttpdFacts
    artifacts: Artifacts
    python: PythonFacts
    identity: Identity
    target: Target
    machine: Machine
    has_rules: bool = False
    manual: Path | None = None
