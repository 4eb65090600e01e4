"""./dev on a machine that lacks things: a PATH of stand-ins shows what it would install, and how."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEV = Path(__file__).resolve().parents[2] / "dev"
TOOLS = ("cat", "dirname", "env", "find", "flock", "mkdir", "sh", "sort", "tr", "uname")
INSTALLS = {
    "apt-get": "apt-get install -y -q --no-install-recommends",
    "dnf": "dnf install -y -q",
    "apk": "apk add",
}
BY_HAND = {
    "apt-get": "apt-get update && apt-get install -y --no-install-recommends",
    "dnf": "dnf install -y",
    "apk": "apk add",
}
COMPILER = {"apt-get": "gcc", "dnf": "gcc", "apk": "build-base"}


class Machine:
    """A folder with ./dev and a PATH on which only the stand-ins are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.log = folder / "installed"
        self.programs.mkdir()
        shutil.copy(DEV, folder / "dev")
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.programs / tool).symlink_to(found)

    def add(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def add_manager(self, name: str) -> None:
        self.add(name, f'echo "{name} $*" >> {self.log}')

    def dev(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "dev"), *arguments],
            env={"PATH": str(self.programs), "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("manager", INSTALLS)
def test_root_installs_and_says_what(machine, manager):
    machine.add("id", "echo 0")
    machine.add_manager(manager)
    result = machine.dev("build")
    assert f"installing system packages by {manager}: " in result.stderr
    command = next(line for line in machine.installed().splitlines() if INSTALLS[manager] in line)
    assert COMPILER[manager] in command.split() and "make" in command.split()
    # The stand-in installs nothing, which ./dev sees.
    assert result.returncode == 1 and "installed, but still not usable here" in result.stderr


@pytest.mark.parametrize("manager", INSTALLS)
def test_without_root_the_command_is_printed(machine, manager):
    machine.add("id", "echo 1000")
    machine.add_manager(manager)
    result = machine.dev("build")
    assert result.returncode == 1
    command = result.stderr.splitlines()[-1].strip()
    assert command.startswith(BY_HAND[manager])
    assert COMPILER[manager] in command.split()
    assert machine.installed() == ""


def test_sudo_is_used(machine):
    machine.add("id", "echo 1000")
    machine.add("sudo", f'echo "sudo $*" >> {machine.log}')
    machine.add_manager("dnf")
    machine.dev("build")
    assert "sudo dnf install -y -q" in machine.installed()


def test_no_package_manager(machine):
    machine.add("id", "echo 0")
    result = machine.dev("build")
    assert result.returncode == 1 and "there is no apt, dnf or apk" in result.stderr


def test_a_failed_installation_prints_the_command(machine):
    machine.add("id", "echo 0")
    machine.add("apk", "exit 1")
    result = machine.dev("build")
    assert result.returncode == 1
    assert "the installation failed" in result.stderr and "\n  apk add " in result.stderr


def test_unknown_command_shows_the_usage(machine):
    result = machine.dev("fly")
    assert result.returncode == 2 and "usage: ./dev COMMAND" in result.stderr
