"""The files for Kubernetes, by its schemas and by what they say about each other; docker/packages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.engine import REPO

KUBERNETES = REPO / "docker" / "kubernetes"
PACKAGES = REPO / "docker" / "packages"


def manifests() -> dict[str, dict[str, Any]]:
    texts = [path.read_text() for path in sorted(KUBERNETES.glob("*.yaml"))]
    return {found["kind"]: found for text in texts for found in yaml.safe_load_all(text)}


def container() -> dict[str, Any]:
    found: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("*.yaml")), ids=lambda path: path.name)
@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_manifests_are_valid(path: Path, version: str) -> None:
    for found in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(found, version, strict=True)


def test_manifests_belong_together() -> None:
    found = manifests()
    assert set(found) == {
        *("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
    }
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == found["Deployment"]["metadata"]["name"]
    budget = found["PodDisruptionBudget"]["spec"]["minAvailable"]
    assert budget < found["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    assert "cpu" in container()["resources"]["requests"], "the autoscaler counts in shares of it"


def test_probes_ask_what_they_are_for() -> None:
    asked = {
        name: container()[name]["httpGet"]["path"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    # A database that is away makes no container be started anew.
    assert asked == {
        "startupProbe": "/-/ready",
        "readinessProbe": "/-/ready",
        "livenessProbe": "/-/health",
    }
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"http": 8000}


def test_the_end_fits_into_the_grace_period() -> None:
    env = {each["name"]: int(each["value"]) for each in container()["env"]}
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    needed = pause + env["PYWSGI_STOP_TIMEOUT"] + 2 + env["PYWSGI_SHUTDOWN_TIMEOUT"]
    spec = manifests()["Deployment"]["spec"]["template"]["spec"]
    assert needed < spec["terminationGracePeriodSeconds"]


# docker/packages, where the registry's images cannot be had


def installs(folder: Path, manager: str, what: str, python: str) -> list[list[str]]:
    """What the script has the package manager do, on a system that has nothing else."""
    said = folder / "said"
    tools = {
        manager: f'echo "$@" >> {said}',
        "rm": ":",
        "python3": python,
    }
    for name, text in tools.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    subprocess.run(
        ["/bin/sh", str(PACKAGES), what], env={"PATH": str(folder)}, check=True, timeout=60
    )
    return [line.split() for line in said.read_text().splitlines()]


COMPLETE = "echo 3.13"
BARE = 'case "$2" in *print*) echo 3.11 ;; *) exit 1 ;; esac'


@pytest.mark.parametrize(
    ("manager", "what", "python", "wanted"),
    [
        ("apk", "build", COMPLETE, "build-base linux-headers autoconf apache2-dev"),
        ("apk", "build", BARE, "build-base linux-headers autoconf apache2-dev python3-dev"),
        ("apk", "serve", COMPLETE, "apache2 apache2-brotli apache2-http2 apache2-ssl"),
        ("apt-get", "build", COMPLETE, "gcc libc6-dev make autoconf apache2-dev"),
        (
            *("apt-get", "build", BARE),
            "gcc libc6-dev make autoconf apache2-dev python3-venv python3-dev",
        ),
        ("apt-get", "serve", COMPLETE, "apache2-bin media-types"),
        ("apt-get", "serve", BARE, "apache2-bin media-types libpython3.11"),
    ],
)
def test_packages(tmp_path: Path, manager: str, what: str, python: str, wanted: str) -> None:
    last = installs(tmp_path, manager, what, python)[-1]
    assert last[-len(wanted.split()) :] == wanted.split()


def test_packages_of_no_known_distribution(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", str(PACKAGES), "build"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Debian, Ubuntu or Alpine" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck")
def test_packages_is_a_sound_script() -> None:
    subprocess.run(["shellcheck", str(PACKAGES)], check=True, timeout=60)
