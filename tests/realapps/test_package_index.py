"""pypiserver, with the clients that people use: twine publishes, pip installs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from realapps.deploy import Deployed
from support import pythons
from support.venvs import run

pytestmark = pytest.mark.timeout(600)  # environments are made on first use

PASSWORD = "correct: battery"
PADDING = 3_000_000


@pytest.fixture(params=["daemon", "express"])
def index(request: pytest.FixtureRequest, deploy: Callable[[str, str], Deployed]) -> Deployed:
    return deploy("package_index", request.param)


def make_wheel(folder: Path, name: str, version: str) -> Path:
    """A package with one module, and a file large enough to be worth an upload."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(),
        f"{name}/padding.bin": os.urandom(PADDING),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{each},,\n" for each in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(each, content)
    return path


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of the machine's: neither its package index nor its proxies."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "LANG": "C.UTF-8",
    }


def twine(
    index: Deployed, home: Path, password: str, *files: Path
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "twine",
        "upload",
        "--non-interactive",
        "--disable-progress-bar",
    ]
    account = [
        "--repository-url",
        index.url("/"),
        "--username",
        "maintainer",
        "--password",
        password,
    ]
    return subprocess.run(
        [*command, *account, *map(str, files)],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def customer(
    tmp_path_factory: pytest.TempPathFactory, first_python: pythons.Python
) -> Callable[..., str]:
    """`customer(words...)`: pip of an empty environment."""
    home = tmp_path_factory.mktemp("customer")
    run([first_python.program, "-m", "venv", home / "venv"])

    def python(*words: str) -> str:
        return run([home / "venv" / "bin" / "python", *words], env=clean_environment(home))

    return python


def test_publish_and_install(
    index: Deployed, tmp_path: Path, customer: Callable[..., str], request: pytest.FixtureRequest
) -> None:
    name = f"parcel_{request.node.callspec.params['index']}"
    wheels = [make_wheel(tmp_path, name, version) for version in ("1.0", "1.1")]
    done = twine(index, tmp_path, PASSWORD, *wheels)
    assert done.returncode == 0, done.stdout + done.stderr
    for wheel in wheels:
        assert (index.folder / "packages" / wheel.name).read_bytes() == wheel.read_bytes()

    source = ["--index-url", index.url("/simple/"), "--no-cache-dir"]
    customer("-m", "pip", "install", *source, f"{name}<1.1")
    assert customer("-c", f"import {name}; print({name}.VERSION)") == "1.0\n"
    customer("-m", "pip", "install", "--upgrade", *source, name)
    script = (
        f"import {name}, hashlib, json, pathlib\n"
        f"padding = pathlib.Path({name}.__file__).parent / 'padding.bin'\n"
        f"print(json.dumps([{name}.VERSION, hashlib.sha256(padding.read_bytes()).hexdigest()]))"
    )
    with zipfile.ZipFile(wheels[1]) as archive:
        digest = hashlib.sha256(archive.read(f"{name}/padding.bin")).hexdigest()
    assert json.loads(customer("-c", script)) == ["1.1", digest]


def test_a_stranger_cannot_publish(index: Deployed, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "intruder", "1.0")
    done = twine(index, tmp_path, "guessed", wheel)
    assert done.returncode != 0
    assert "403" in done.stdout + done.stderr
    assert not (index.folder / "packages" / wheel.name).exists()


def test_the_pages_of_the_index(index: Deployed) -> None:
    browser = index.browser()
    assert "Welcome to pypiserver!" in browser.get(index.url("/")).text
    assert browser.get(index.url("/simple"), allow_redirects=False).status_code in (301, 302, 303)
    assert browser.get(index.url("/simple/")).status_code == 200
    assert browser.get(index.url("/simple/nothing-of-this-name/")).status_code == 404
