"""Running httpd and apxs to ask them something. The only place that does."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mod_pywsgi.errors import HttpdError

_LONGEST_ANSWER = 30  # seconds


def run(
    *command: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program and collect what it says on stdout and stderr, whatever its exit code.

    :param environment: this process's, if None.
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
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise HttpdError(f"{command[0]} did not answer in {_LONGEST_ANSWER} s.") from None
    except OSError as error:
        raise HttpdError(f"Cannot run {command[0]}: {error.strerror}.") from None


def configuration_errors(*command: str | Path) -> str:
    """Let httpd check a configuration, by itself or by its control script.

    :return: what it complained about, or an empty string.
    """
    answer = run(*command)
    if answer.returncode == 0:
        return ""
    return answer.stdout.strip() or f"{command[0]} ended with code {answer.returncode}"
