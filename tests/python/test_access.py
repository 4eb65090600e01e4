"""Doing things as another user."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from mod_pywsgi.access import as_user, make_directories, obstacle, require_readable
from mod_pywsgi.errors import ApplicationError, InstanceError
from mod_pywsgi.identity import Identity

is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="only root can become somebody else")


def nobody() -> Identity:
    account = pwd.getpwnam("nobody")
    return Identity("nobody", "nogroup", account.pw_uid, account.pw_gid, drops=True)


def myself() -> Identity:
    return Identity("me", "us", os.geteuid(), os.getegid(), drops=False)


def test_own_identity_runs_in_place() -> None:
    assert as_user(myself(), os.getpid) == os.getpid()


def test_obstacle_names_the_component(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert obstacle(tmp_path) == ""
    assert obstacle(tmp_path / "file") == ""
    assert obstacle(tmp_path / "a" / "b") == f"{tmp_path / 'a'} does not exist"
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "does not exist" in obstacle(tmp_path / "dangling")


@needs_root
def test_becomes_the_user() -> None:
    who = nobody()
    assert as_user(who, lambda: [os.getuid(), os.getgid(), os.geteuid()]) == [
        who.uid,
        who.gid,
        who.uid,
    ]
    assert os.geteuid() == 0


@needs_root
def test_error_comes_back() -> None:
    def fail() -> None:
        raise ApplicationError("no", "but maybe")

    with pytest.raises(ApplicationError, match="no") as caught:
        as_user(nobody(), fail)
    assert caught.value.hint == "but maybe"


@needs_root
def test_crash_is_an_error() -> None:
    with pytest.raises(InstanceError, match="as the user nobody"):
        as_user(nobody(), lambda: os._exit(3))


@needs_root
def test_closed_directory_is_named(open_tmp: Path) -> None:
    closed = open_tmp / "closed"
    (closed / "deep").mkdir(parents=True)
    (closed / "deep" / "app.py").touch()
    closed.chmod(0o700)
    with pytest.raises(ApplicationError, match="The user nobody") as caught:
        require_readable(nobody(), [("the application", closed / "deep" / "app.py")])
    assert f"the directory {closed} may not be entered" in str(caught.value)
    assert "chmod" in caught.value.hint


@needs_root
def test_closed_target_of_a_link_is_named(open_tmp: Path) -> None:
    closed = open_tmp / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").touch()
    (open_tmp / "python").symlink_to(closed / "python")
    with pytest.raises(ApplicationError, match=f"the directory {closed} may not be entered"):
        require_readable(nobody(), [("the program", open_tmp / "python")])


@needs_root
def test_closed_file_is_named(open_tmp: Path) -> None:
    secret = open_tmp / "app.py"
    secret.touch(mode=0o600)
    with pytest.raises(ApplicationError, match=f"{secret} may not be read"):
        require_readable(nobody(), [("the application", secret)])


def test_directories_are_made(tmp_path: Path) -> None:
    deep = tmp_path / "one" / "two"
    make_directories(myself(), [("--x", deep), ("--x", deep)])
    assert deep.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplicationError, match=r"cannot use --x .*/file: File exists"):
        make_directories(myself(), [("--x", tmp_path / "file")])


@needs_root
def test_directories_are_made_by_the_user(open_tmp: Path) -> None:
    with pytest.raises(ApplicationError, match=r"The user nobody cannot use --x .*: Permission"):
        make_directories(nobody(), [("--x", open_tmp / "one")])
    open_tmp.chmod(0o777)
    make_directories(nobody(), [("--x", open_tmp / "one")])
    assert (open_tmp / "one").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    closed = open_tmp / "closed"
    closed.mkdir(mode=0o755)
    with pytest.raises(ApplicationError, match="may not be written to"):
        make_directories(nobody(), [("--x", closed)])
