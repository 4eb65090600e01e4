"""Section 2.16: identity and environment of daemon processes, beside what test_identity.py has."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from support import procs
from support.httpd import Settings

USER = "games"
APP = "WSGIApplicationGroup %{GLOBAL}\n"
GROUPS = {
    "other": f"user={USER} group={USER}",
    "plain": "",
    "titled": "display-name=" + "long-title-" * 20,
    "talking": "lang=C locale=C.UTF-8",
}
ENVIRONMENT = (("USERNAME", "root"), ("USER", "root"), ("LOGNAME", "root"), ("KEPT", "kept"))


@pytest.fixture
def said(servers):
    """What apps/identity says in each group."""
    extra = APP + "".join(
        f"WSGIDaemonProcess {name} {options}\n"
        f"WSGIScriptAlias /{name} @APPS@/identity/wsgi.py process-group={name}\n"
        for name, options in GROUPS.items()
    )
    server = servers.kept(
        "2.16",
        Settings(extra=extra, env=ENVIRONMENT),
        lambda server: [server.get(f"/{name}") for name in GROUPS],
    )

    def ask(name):
        response = server.get(f"/{name}")
        assert response.status == 200, server.story()
        return response.json()

    ask.server = server
    return ask


@pytest.mark.root
def test_names_and_home_are_the_users(said):
    """USERNAME only where Apache has it; nothing of root's is left."""
    user = pwd.getpwnam(USER)
    environ = said("other")["environ"]
    assert {environ[name] for name in ("USER", "LOGNAME", "USERNAME")} == {USER}
    assert environ["HOME"] == user.pw_dir
    assert environ["KEPT"] == "kept", "the rest is Apache's"


@pytest.mark.root
def test_names_of_apaches_own_user(said):
    user = pwd.getpwnam(said.server.around.facts.user)
    environ = said("plain")["environ"]
    assert {environ[name] for name in ("USER", "LOGNAME", "USERNAME")} == {user.pw_name}
    assert environ["HOME"] == user.pw_dir


@pytest.mark.root
def test_no_username_where_apache_has_none(start):
    server = start(
        APP + "WSGIDaemonProcess web\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /identity @APPS@/identity/wsgi.py\n"
    )
    environ = server.get("/identity").json()["environ"]
    assert "USERNAME" not in environ
    assert environ["USER"] == server.around.facts.user


@pytest.mark.root
def test_all_ids_are_the_users(said):
    """Real, effective, saved and of the file system; no group of root's is left."""
    user = pwd.getpwnam(USER)
    status = said("other")["status"]
    assert set(status["Uid"].split()) == {str(user.pw_uid)}
    assert set(status["Gid"].split()) == {str(user.pw_gid)}
    assert status["Groups"].split() == [str(user.pw_gid)]


@pytest.mark.root
def test_core_dumps_are_allowed_again(said):
    """The kernel forbids them at a change of user; what is dumpable has its /proc files for itself."""
    found = said("other")
    owner = os.stat(f"/proc/{found['pid']}/environ").st_uid
    assert owner == pwd.getpwnam(USER).pw_uid
    assert found["core"] == [0, 0], "as Apache was started here"


def test_lang_and_locale(said):
    found = said("talking")
    assert found["environ"]["LANG"] == "C"
    assert found["environ"]["LC_ALL"] == "C.UTF-8"


def test_title_is_whole(said):
    """mod_wsgi cuts it to the length of Apache's own command line."""
    found = said("titled")
    assert procs.command(found["pid"])[0] == "long-title-" * 20
    assert procs.command(said("plain")["pid"])[0] == "(wsgi:plain)"


def test_nothing_of_apaches_is_inherited(said):
    """No listening socket, no scoreboard, no log file: only the channel and its kin."""
    found = said("plain")
    maps = Path(f"/proc/{found['pid']}/maps").read_text(encoding="utf-8")
    for name in ("/mod_", "libapr", "apache2", "scoreboard"):
        assert name not in maps, name


@pytest.mark.root
def test_a_user_that_cannot_be_become_is_the_end_of_the_process(start):
    """No process runs as somebody else than it was told to."""
    server = start(
        APP + "WSGIDaemonProcess web home=/root user=games\nWSGIProcessGroup web\n"
        "WSGIScriptAlias /identity @APPS@/identity/wsgi.py\n"
    )
    assert server.get("/identity").status == 503
    server.log.claim("PYW0008: Process group 'web': working directory failed: '/root'")
    server.log.allow("PYW")
