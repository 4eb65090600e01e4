"""Who the server runs as."""

import grp
import os
import pwd
from dataclasses import dataclass

from mod_pywsgi.errors import ConfigError

# Debian and Ubuntu; Fedora, RHEL, Alpine; Arch; FreeBSD; macOS.
_WEB_USERS = ("www-data", "apache", "http", "www", "_www")


@dataclass(frozen=True)
class Identity:
    """A user and group, and whether root has to become them.

    :param reason: why this one, as half a sentence; empty where there was no choice.
    """

    user: str
    group: str
    uid: int
    gid: int
    drops: bool
    reason: str = ""

    @property
    def groups(self) -> list[int]:
        """All groups that the user is in."""
        try:
            return os.getgrouplist(pwd.getpwuid(self.uid).pw_name, self.gid)
        except KeyError:
            return [self.gid]


def choose(user: str | None, group: str | None, owner: int | None) -> Identity:
    """Decide as whom to run.

    :param user: what the user asked for, if anything; likewise the group.
    :param owner: uid of the application's owner, where there is one.
    :raises ConfigError: there is no such user, it is root, or only root could become it.
    """
    account = _account(user) if user else None
    gid = _group_id(group) if group else None
    if os.geteuid() != 0:
        return _keep(account, gid)
    if account is not None:
        reason = "as --user says"
    elif owner:
        account, reason = _entry(owner), "who owns the application"
    else:
        account, reason = _web_user(), "the web user of this system"
    if account.pw_uid == 0:
        raise ConfigError(
            "Applications do not run as root.",
            "Name another user with --user; the server itself may be started as root.",
        )
    if gid is None:
        gid = account.pw_gid
    if gid == 0:
        raise ConfigError(
            f"Applications do not run in root's group, which is that of {account.pw_name}.",
            "Name another group with --group.",
        )
    return Identity(
        account.pw_name, _group_name(gid), account.pw_uid, gid, drops=True, reason=reason
    )


def _keep(account: pwd.struct_passwd | None, gid: int | None) -> Identity:
    """Whoever is not root stays what it is."""
    own = _entry(os.geteuid())
    if account is not None and account.pw_uid != own.pw_uid:
        raise ConfigError(
            f"Only root can run the server as {account.pw_name}; you are {own.pw_name}.",
            "Leave --user out, or start it with sudo.",
        )
    if gid is not None and gid != os.getegid():
        raise ConfigError(
            f"Only root can run the server in the group {_group_name(gid)}.",
            "Leave --group out, or start it with sudo.",
        )
    group = _group_name(os.getegid())
    return Identity(own.pw_name, group, own.pw_uid, os.getegid(), drops=False)


def _account(name: str) -> pwd.struct_passwd:
    try:
        if name.startswith("#") and name[1:].isdecimal():
            return _entry(int(name[1:]))
        return pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(f"--user: there is no user {name!r}.") from None


def _entry(uid: int) -> pwd.struct_passwd:
    """The account of a uid, made up where it has none, as in many containers."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        gid = os.getegid() if uid == os.geteuid() else uid
        return pwd.struct_passwd((f"#{uid}", "", uid, gid, "", "/", ""))


def _web_user() -> pwd.struct_passwd:
    for name in _WEB_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigError(
        "Started as root, and this system has no user for web servers"
        f" (looked for {', '.join(_WEB_USERS)}).",
        "Name the user to run the application as with --user.",
    )


def _group_id(name: str) -> int:
    try:
        if name.startswith("#") and name[1:].isdecimal():
            return int(name[1:])
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"--group: there is no group {name!r}.") from None


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"#{gid}"
