"""Which files are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mod_pywsgi.migrate import tree
from mod_pywsgi.migrate.tree import File, Skipped


def found(root: Path) -> dict[str, str]:
    """Name -> text, or why it was skipped."""
    return {
        str(each.path.relative_to(root)): each.text if isinstance(each, File) else each.why
        for each in tree.files(root)
    }


def test_all_files_below_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("1")
    (tmp_path / "c").write_text("2")
    (tmp_path / "a").write_text("3")
    assert list(found(tmp_path).items()) == [("a", "3"), ("b/x", "1"), ("c", "2")]


def test_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory in (root, outside, root / "available", root / "enabled"):
        directory.mkdir()
    (outside / "secret").write_text("1")
    (root / "available" / "a").write_text("2")
    (root / "enabled" / "a").symlink_to("../available/a")
    (root / "modules").symlink_to(outside)
    (root / "one").symlink_to(outside / "secret")
    (root / "gone").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    assert found(root) == {
        "available/a": "2",
        "gone": "a link that leads nowhere",
        "loop": "a link that leads nowhere",
        "modules": f"a link that leads outside, to {outside}",
        "one": f"a link that leads outside, to {outside / 'secret'}",
    }


def test_what_is_not_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"LoadModule\0")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("12345")
    (tmp_path / "latin").write_bytes("# sch\xf6n\n".encode("latin-1"))
    for name in ("x.conf.before-mod_pywsgi", "x.conf.before-mod_pywsgi.3"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(tree, "LARGEST", 8)
    (tmp_path / "large").write_text("123456789")
    assert found(tmp_path) == {
        "binary": "larger than any configuration",
        "large": "larger than any configuration",
        "latin": "# sch\udcf6n\n",
        "pipe": "not a regular file",
    }
    monkeypatch.setattr(tree, "LARGEST", 100)
    assert found(tmp_path)["binary"] == "binary"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_closed_to_the_user(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("x")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "directory").mkdir(mode=0)
    assert found(tmp_path) == {
        "closed": "cannot be read: Permission denied",
        "directory": "cannot be read: Permission denied",
    }


def test_a_file_by_itself(tmp_path: Path) -> None:
    """A link that is named is followed: it is what was asked for."""
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert list(tree.files(tmp_path / "link")) == [File(tmp_path / "real", b"x")]


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    (each,) = tree.files(tmp_path / "none")
    assert isinstance(each, Skipped)
    assert each.why == "cannot be read: No such file or directory"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a\r\n\xe4", "ä\n".encode()])
def test_bytes_survive(data: bytes) -> None:
    assert tree.encode(tree.decode(data)) == data
