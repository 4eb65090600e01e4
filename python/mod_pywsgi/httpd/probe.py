"""Running httpd and apxs to ask them something. The only place that does."""

import os
import subprocess
from pathlib import Path

from mod_pywsgi.errors import HttpdError

_LONGEST_ANSWER = 30  # seconds


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program and collect what it says on stdout and stderr, whatever its exit code.

    :raises HttpdError: it cannot be run, or says nothing for half a minute.
    """
    try:
        return subprocess.run(  # noqa: S603 - a program that the user or the system chose
            [os.fspath(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LONGEST_ANSWER,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HttpdError(f"{command[0]} did not answer in {_LONGEST_ANSWER} s.") from None
    except OSError as error:
        raise HttpdError(f"Cannot run {command[0]}: {error.strerror}.") from None


def configuration_errors(httpd: Path, conf: Path) -> str:
    """Let httpd check a configuration.

    :return: what it complained about, or an empty string.
    """
    answer = run(httpd, "-t", "-f", conf)
    if answer.returncode == 0:
        return ""
    return answer.stdout.strip() or f"{httpd} -t ended with code {answer.returncode}"
