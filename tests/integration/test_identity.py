"""As whom a daemon runs, and what it inherits: as little as possible."""

from __future__ import annotations

import grp
import os
import pwd
import re
import socket
from pathlib import Path

import pytest

from support import procs, wait
from support.machine import HttpdFailed

APP = "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /identity @APPS@/identity/wsgi.py\n"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def identity(start):
    """What apps/identity says in a group with these options."""

    def run(options="", **settings):
        server = start(f"WSGIDaemonProcess web {options}\nWSGIProcessGroup web\n{APP}", **settings)
        response = server.get("/identity")
        assert response.status == 200, server.story()
        return server, response.json()

    return run


def ids(found, name):
    return {int(part) for part in found["status"][name].split()}


def account(*names):
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip(f"no account of {names}")


@needs_root
def test_default_is_apaches_user(identity):
    server, found = identity()
    user = pwd.getpwnam(server.around.facts.user)
    assert ids(found, "Uid") == {user.pw_uid}
    assert ids(found, "Gid") == {user.pw_gid}
    assert ids(found, "Groups") == set(os.getgrouplist(user.pw_name, user.pw_gid))


@needs_root
def test_user_and_group(identity):
    user, group = account("daemon", "nobody"), grp.getgrnam("mail")
    _, found = identity(f"user={user.pw_name} group={group.gr_name}")
    assert ids(found, "Uid") == {user.pw_uid}
    assert ids(found, "Gid") == {group.gr_gid}
    assert 0 not in ids(found, "Groups")
    assert found["environ"]["HOME"] == user.pw_dir
    for name in ("USER", "LOGNAME"):
        assert found["environ"].get(name, user.pw_name) == user.pw_name


@needs_root
def test_user_by_number(identity):
    user = account("daemon", "nobody")
    _, found = identity(f"user=#{user.pw_uid} group=#{user.pw_gid}")
    assert ids(found, "Uid") == {user.pw_uid}
    assert ids(found, "Gid") == {user.pw_gid}


@needs_root
def test_group_defaults_to_apaches(identity):
    user = account("daemon", "nobody")
    server, found = identity(f"user={user.pw_name}")
    assert ids(found, "Uid") == {user.pw_uid}
    assert ids(found, "Gid") == {grp.getgrnam(server.around.facts.group).gr_gid}


@needs_root
def test_supplementary_groups(identity):
    user = account("daemon", "nobody")
    wanted = [grp.getgrnam(name).gr_gid for name in ("mail", "games")]
    _, found = identity(f"user={user.pw_name} group=mail supplementary-groups=mail,games")
    assert ids(found, "Groups") == set(wanted)


@needs_root
@pytest.mark.parametrize("name", ["root", "#0"])
def test_root_is_refused(configtest, start, name):
    extra = f"WSGIDaemonProcess web user={name}\nWSGIProcessGroup web\n{APP}"
    status, words = configtest(extra)
    if status == 0:
        server = start(extra)
        assert server.get("/identity").status in (500, 503)
        words = "\n".join(line.text for line in server.log.read())
        assert not [pid for pid in server.daemons() if procs.status(pid)["Uid"].startswith("0")]
        server.log.allow(".")
    assert "root" in words


@needs_root
def test_no_way_back_to_root(identity):
    _, found = identity()
    assert found["status"]["NoNewPrivs"] == "1"
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(found["status"].get(name, "0"), 16) == 0, name


@needs_root
def test_neither_children_nor_daemons_run_as_root(identity):
    server, _ = identity()
    supervisors = {procs.parent(pid) for pid in server.daemons()}
    for pid in set(server.descendants()) - supervisors:
        uids = procs.status(pid)["Uid"].split()
        assert "0" not in uids, (pid, procs.command(pid))


def test_own_session(identity):
    server, found = identity()
    assert found["sid"] != procs.session(server.pid)


def test_no_descriptor_but_the_needed_ones(identity):
    """Above all no listening TCP socket and no log or configuration of Apache."""
    server, found = identity()
    fds = found["fds"]
    assert fds["0"] == "/dev/null"
    files = [path for path in fds.values() if path.startswith("/") and "/proc/" not in path]
    extra = [path for path in files if path != "/dev/null" and "memfd:" not in path]
    allowed = [str(server.root / "error_log")]
    assert not [path for path in extra if path not in allowed and "random" not in path], fds
    listening = _tcp_inodes()
    assert not [each for each in fds.values() if each in listening]
    assert len(fds) < 24, fds


def test_descriptors_that_apache_was_started_with_stay_behind(identity, tmp_path):
    with (tmp_path / "secret").open("w") as secret, socket.socket() as other:
        inherit = (secret.fileno(), other.fileno())
        server, found = identity(inherit=inherit)
        assert str(tmp_path / "secret") in procs.fds(server.pid).values(), (
            "the test inherits nothing"
        )
        assert str(tmp_path / "secret") not in found["fds"].values()
        targets = {os.readlink(f"/proc/self/fd/{fd}") for fd in inherit}
        assert not targets & set(found["fds"].values())


def _tcp_inodes():
    """Names of TCP sockets as they appear in /proc/PID/fd."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        found |= {f"socket:[{line.split()[9]}]" for line in lines}
    return found


def test_umask(identity):
    _, found = identity("umask=0027")
    assert found["umask"] == 0o027


def test_umask_defaults_to_apaches(identity):
    _, found = identity()
    assert found["umask"] == 0o022


def test_home(identity):
    """Working directory, and first on sys.path."""
    _, found = identity("home=/usr/share")
    assert found["cwd"] == "/usr/share"
    assert found["path"][0] == "/usr/share"


@needs_root
def test_default_directory_is_the_users(identity):
    user = account("daemon", "games")
    _, found = identity(f"user={user.pw_name}")
    assert found["cwd"] in (user.pw_dir, "/")
    assert "" not in found["path"]


def test_python_path(identity):
    """In the order given, before everything else; .pth files in them count."""
    _, found = identity(
        "python-path=@ROOT@/one:@ROOT@/two",
        files={"one/x.pth": "@ROOT@/three\n", "two/y": "", "three/z": ""},
    )
    tails = [path.rsplit("/", 1)[1] for path in found["path"][:3]]
    assert tails[0] == "one"
    assert tails.index("two") > 0
    assert "three" in tails


def test_lang_and_locale(identity):
    _, found = identity("lang=C.UTF-8 locale=C.UTF-8")
    assert found["environ"]["LANG"] == "C.UTF-8"
    assert found["environ"]["LC_ALL"] == "C.UTF-8"
    assert "C.UTF-8" in found["locale"]


def test_text_is_utf8_even_where_apache_has_no_locale(identity):
    _, found = identity()
    assert found["encoding"] == "utf-8"


def test_a_locale_that_does_not_exist_is_said(start):
    with pytest.raises(HttpdFailed, match="no such locale"):
        start(f"WSGIDaemonProcess web locale=xx_YY.nope\nWSGIProcessGroup web\n{APP}")


def test_environment_is_clean(identity):
    server, found = identity(env=(("SECRET_OF_ROOT", "x"), ("NOTIFY_SOCKET", "/run/x")))
    server.log.claim("PYW0043")  # nobody listens there
    assert "NOTIFY_SOCKET" not in found["environ"]
    assert not [name for name in found["environ"] if name.startswith("PYW")]


def test_argv_and_flags(identity):
    _, found = identity()
    assert found["argv"] == ["mod_wsgi"]


def test_stack_size(identity):
    _, found = identity("stack-size=524288")
    assert found["pid"]


def test_python_is_the_one_it_was_built_for(identity):
    _, found = identity()
    assert re.match(r"/", found["prefix"])
    assert found["version"][0] == 3


def test_no_new_process_stays_root_after_respawn(identity):
    server, found = identity()
    os.kill(found["pid"], 9)
    wait.until(lambda: server.daemons() and found["pid"] not in server.daemons(), "a new daemon")
    again = wait.until(lambda: _status(server), "the group to serve")
    assert again["status"]["Uid"] == found["status"]["Uid"]
    assert again["status"]["NoNewPrivs"] == found["status"]["NoNewPrivs"]
    server.log.claim("SIGKILL")


def _status(server):
    response = server.get("/identity")
    return response.json() if response.status == 200 else None
