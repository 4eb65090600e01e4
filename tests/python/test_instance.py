"""The server root on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mod_pywsgi import instance, plan
from mod_pywsgi.errors import InstanceError
from mod_pywsgi.identity import Identity

from .conftest import Make

FILES = {
    "httpd.conf": instance.File("conf\n"),
    "apachectl": instance.File("#!/bin/sh\n", executable=True),
    "envvars": instance.File("# yours\n", keep=True),
    "handler.wsgi": instance.File("handler\n", shared=True),
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def made(make: Make, open_tmp: Path) -> plan.Plan:
    return make("--server-root", str(open_tmp / "deep" / "root"))


def test_closed_to_others(made: plan.Plan) -> None:
    instance.write(made, FILES)
    root = made.paths.root
    assert mode(root) == 0o700
    assert mode(root / "run") == 0o700
    assert mode(root / "httpd.conf") == 0o600
    assert mode(root / "apachectl") == 0o700
    assert mode(root / "handler.wsgi") == 0o600
    assert (root / "httpd.conf").read_text() == "conf\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_open_to_the_group_that_serves(make: Make, open_tmp: Path) -> None:
    who = Identity("www-data", "www-data", 33, 33, drops=True)
    made = make("--server-root", str(open_tmp / "root"), identity=who)
    instance.write(made, FILES)
    root = made.paths.root
    assert (mode(root), root.stat().st_gid) == (0o710, 33)
    assert (mode(root / "run"), (root / "run").stat().st_gid) == (0o710, 33)
    assert (mode(root / "htdocs"), (root / "htdocs").stat().st_uid) == (0o750, 0)
    assert (mode(root / "handler.wsgi"), (root / "handler.wsgi").stat().st_gid) == (0o640, 33)
    assert mode(root / "httpd.conf") == 0o600


def test_written_again(made: plan.Plan) -> None:
    instance.write(made, FILES)
    root = made.paths.root
    (root / "envvars").write_text("mine\n")
    (root / "error_log").write_text("log\n")
    before = (root / "httpd.conf").stat().st_ino
    instance.write(made, {"httpd.conf": instance.File("new\n"), "envvars": FILES["envvars"]})
    assert (root / "httpd.conf").read_text() == "new\n"
    assert (root / "httpd.conf").stat().st_ino != before, "not written in place"
    assert (root / "envvars").read_text() == "mine\n", "the user's file is left alone"
    assert not (root / "handler.wsgi").exists(), "what is no longer generated goes"
    assert (root / "error_log").exists()
    assert not [path for path in root.iterdir() if path.name.startswith(".httpd.conf")]


def test_empty_directory_is_taken(made: plan.Plan) -> None:
    made.paths.root.mkdir(parents=True, mode=0o755)
    instance.write(made, FILES)
    assert mode(made.paths.root) == 0o700


def test_foreign_files_are_refused(made: plan.Plan) -> None:
    made.paths.root.mkdir(parents=True)
    (made.paths.root / "manage.py").touch()
    with pytest.raises(InstanceError, match="files that are not ours"):
        instance.write(made, FILES)
    assert not (made.paths.root / "httpd.conf").exists()


def test_symbolic_link_is_refused(made: plan.Plan, open_tmp: Path) -> None:
    (open_tmp / "elsewhere").mkdir()
    made.paths.root.parent.mkdir()
    made.paths.root.symlink_to(open_tmp / "elsewhere")
    with pytest.raises(InstanceError, match="not a directory"):
        instance.write(made, FILES)
    assert not list((open_tmp / "elsewhere").iterdir())


def test_dangling_link_is_refused(made: plan.Plan) -> None:
    made.paths.root.parent.mkdir()
    made.paths.root.symlink_to("nowhere")
    with pytest.raises(InstanceError, match="not a directory"):
        instance.write(made, FILES)


def test_file_is_refused(made: plan.Plan) -> None:
    made.paths.root.parent.mkdir()
    made.paths.root.touch()
    with pytest.raises(InstanceError, match="not a directory"):
        instance.write(made, FILES)


def test_writable_by_others_is_refused(made: plan.Plan) -> None:
    made.paths.root.mkdir(parents=True)
    made.paths.root.chmod(0o777)
    with pytest.raises(InstanceError, match="others may write"):
        instance.write(made, FILES)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give a directory away")
def test_squatted_directory_is_refused(made: plan.Plan) -> None:
    made.paths.root.mkdir(parents=True)
    os.chown(made.paths.root, 65534, 65534)
    with pytest.raises(InstanceError, match="belongs to another user"):
        instance.write(made, FILES)


def test_links_inside_are_not_followed(made: plan.Plan, open_tmp: Path) -> None:
    instance.write(made, FILES)
    victim = open_tmp / "victim"
    victim.write_text("precious")
    conf = made.paths.conf
    conf.unlink()
    conf.symlink_to(victim)
    instance.write(made, FILES)
    assert victim.read_text() == "precious"
    assert not conf.is_symlink()
    run = made.paths.run
    run.rmdir()
    run.symlink_to(open_tmp)
    with pytest.raises(InstanceError):
        instance.write(made, FILES)


def test_place_that_cannot_be_made(make: Make) -> None:
    with pytest.raises(InstanceError, match="Cannot write the server root"):
        instance.write(make("--server-root", "/proc/nothing/root"), FILES)
