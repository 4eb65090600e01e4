"""Who the server runs as."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from mod_pywsgi import identity
from mod_pywsgi.errors import ConfigError

USERS = {
    "root": (0, 0),
    "www-data": (33, 33),
    "alice": (1000, 1000),
    "rootish": (1001, 0),
}


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small user database."""

    def entry(name: str) -> pwd.struct_passwd:
        uid, gid = USERS[name]
        return pwd.struct_passwd((name, "x", uid, gid, "", "/", ""))

    by_uid = {uid: name for name, (uid, _) in USERS.items()}
    monkeypatch.setattr(pwd, "getpwnam", entry)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry(by_uid[uid]))
    groups = {"root": 0, "www-data": 33, "alice": 1000, "staff": 50}
    names = {gid: name for name, gid in groups.items()}
    monkeypatch.setattr(
        grp, "getgrnam", lambda name: grp.struct_group((name, "x", groups[name], []))
    )
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group((names[gid], "x", gid, [])))


@pytest.fixture
def as_root(accounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def as_alice(accounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1000)


@pytest.mark.usefixtures("as_root")
class TestAsRoot:
    def test_owner_of_the_application(self) -> None:
        who = identity.choose(None, None, 1000)
        assert (who.user, who.group, who.uid, who.gid) == ("alice", "alice", 1000, 1000)
        assert who.drops
        assert "owns the application" in who.reason

    @pytest.mark.parametrize("owner", [0, None])
    def test_web_user(self, owner: int | None) -> None:
        who = identity.choose(None, None, owner)
        assert who.user == "www-data"
        assert "web user" in who.reason

    def test_named(self) -> None:
        who = identity.choose("alice", "staff", 33)
        assert (who.user, who.group, who.gid) == ("alice", "staff", 50)

    def test_by_number(self) -> None:
        assert identity.choose("#1000", "#50", None).group == "staff"

    def test_uid_without_account(self) -> None:
        who = identity.choose("#4711", None, None)
        assert (who.user, who.uid, who.gid) == ("#4711", 4711, 4711)

    @pytest.mark.parametrize(
        ("user", "group", "message"),
        [
            ("root", None, "do not run as root"),
            ("#0", None, "do not run as root"),
            ("alice", "root", "root's group"),
            ("rootish", None, "root's group"),
            ("nobody-here", None, "there is no user 'nobody-here'"),
            ("alice", "nothing", "there is no group 'nothing'"),
        ],
    )
    def test_refused(self, user: str, group: str | None, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            identity.choose(user, group, None)

    def test_no_web_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(identity, "_WEB_USERS", ("absent",))
        with pytest.raises(ConfigError, match="no user for web servers"):
            identity.choose(None, None, None)


@pytest.mark.usefixtures("as_alice")
class TestAsAlice:
    def test_stays(self) -> None:
        who = identity.choose(None, None, 33)
        assert (who.user, who.drops) == ("alice", False)

    def test_own_name(self) -> None:
        assert identity.choose("alice", "alice", None).user == "alice"

    @pytest.mark.parametrize(("user", "group"), [("www-data", None), (None, "staff")])
    def test_cannot_become_another(self, user: str | None, group: str | None) -> None:
        with pytest.raises(ConfigError, match="Only root can"):
            identity.choose(user, group, None)
