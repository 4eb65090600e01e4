"""Whether a server would work here, and what to type if not: THE table of checks.

Each looks at one thing, and uses what the others of the package use to start a server, so that it
says what would happen. Nothing is changed, and no application code runs.
"""

from collections.abc import Iterator

from mod_pywsgi.doctor import apache, application, machine, python
from mod_pywsgi.doctor.model import Check, Finding, Missing, Subject, failure, skipped
from mod_pywsgi.errors import PywsgiError

CHECKS: tuple[Check, ...] = (
    Check("settings", application.settings),
    Check("Apache", apache.program),
    Check("Apache's modules", apache.modules),
    Check("module", apache.module),
    Check("Python", python.environment),
    Check("daemon program", python.daemon),
    Check("packages", python.packages),
    Check("user", application.user),
    Check("application", application.found),
    Check("options", application.options),
    Check("permissions", application.permissions),
    Check("server root", application.server_root),
    Check("certificates", application.tls),
    Check("configuration", apache.configuration),
    Check("address", application.address),
    Check("locale", machine.locale),
    Check("limits", machine.limits),
    Check("SELinux, AppArmor", machine.confinement),
)


def examine(subject: Subject) -> Iterator[tuple[Check, list[Finding]]]:
    """Run every check. One that needs what another did not find is skipped, and says so."""
    for check in CHECKS:
        findings: list[Finding] = []
        try:
            for finding in check.run(subject):
                findings.append(finding)
        except Missing as missing:
            findings.append(skipped(f"not looked at, for want of {missing}"))
        except PywsgiError as error:
            findings.append(failure(error.message, error.hint))
        yield check, findings
