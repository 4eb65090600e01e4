"""From a plan to what logrotate is told about its log files. Pure, as the plan is."""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.plan import Plan


@dataclass(frozen=True)
class Rotation:
    """What the snippet says.

    :param user: who owns the directory of the logs: logrotate, which is root, becomes him. None: root.
    """

    files: tuple[Path, ...]
    pid_file: Path
    user: str | None
    group: str | None


def make(plan: Plan) -> Rotation:
    """Decide what the snippet says.

    :raises ConfigError: the server has no log files of its own.
    """
    logs = [log for log in (plan.logs.error_log, plan.logs.access_log) if log]
    for log in logs:
        if not log.startswith("/") or log.startswith("/dev/"):
            raise ConfigError(
                "With these options the server writes no log files that logrotate could rotate.",
                "Leave --log-to-terminal out; a service of systemd needs none: its log is the journal's.",
            )
    is_root = plan.identity.drops
    return Rotation(
        files=tuple(map(Path, logs)),
        pid_file=plan.paths.pid_file,
        user=None if is_root else plan.identity.user,
        group=None if is_root else plan.identity.group,
    )
