"""private-tmp=On: a /tmp and /var/tmp that a group's processes share and nobody else sees; nothing stays."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support import inline, jail, procs, wait
from support.httpd import HttpdInstance, Settings
from support.machine import HttpdFailed

from .test_limits import as_somebody, wrapped

pytestmark = [pytest.mark.mounts, pytest.mark.no_asan]
PLACES = [Path(name) for name in ("/srv", "/opt", "/var/lib") if os.access(name, os.W_OK)]
NAME = f"pywsgi-private-{os.getpid()}"
PATHS = (f"/tmp/{NAME}", f"/var/tmp/{NAME}")


@pytest.fixture
def site(around):
    """What the processes need, outside of /tmp, where these tests have everything else."""
    folder = Path(tempfile.mkdtemp(prefix="pywsgi-", dir=PLACES[0]))
    folder.chmod(0o755)
    shutil.copy(around.artifacts.daemon, folder / "pywsgi-daemon")
    shutil.copytree(around.apps, folder / "apps")
    yield folder
    shutil.rmtree(folder)


def groups(site, *lines):
    """Each line a group: its name and options; apps/inline at /NAME."""
    text = "WSGIApplicationGroup %{GLOBAL}\n"
    for line in lines:
        name = line.split()[0]
        text += f"WSGIDaemonProcess {line} daemon-program={site}/pywsgi-daemon\n"
        text += f"WSGIScriptAlias /{name} {site}/apps/inline/wsgi.py process-group={name}\n"
    return text


def ask(server, group, expression):
    return inline.value(server, expression, path=f"/{group}")


def write(server, group="web"):
    """Leaves a file in each of the two; returns the process that did."""
    return ask(
        server,
        group,
        f"[os.getpid(), *(open(path, 'w').write('x') for path in {PATHS!r})]",
    )[0]


def seen(server, group="web"):
    """Which of the files a process of the group sees, and which process it was."""
    found = ask(server, group, f"[os.getpid(), *map(os.path.exists, {PATHS!r})]")
    return found[0], found[1:]


def mounts():
    return [line for line in Path("/proc/mounts").read_text().splitlines() if "private-tmp" in line]


def of_another(server, pid):
    """What a process of the group other than `pid` sees."""

    def look():
        other, found = seen(server)
        return found if other != pid else None

    return wait.until(look, "another process of the group to answer", 20)


def test_both_are_empty_and_everybodys(start, site):
    server = start(groups(site, "web private-tmp=On"))
    for path in ("/tmp", "/var/tmp"):
        assert ask(server, "web", f"os.listdir({path!r})") == []
        about = ask(server, "web", f"[os.stat({path!r}).st_mode, os.stat({path!r}).st_uid]")
        assert about == [0o41777, 0]
        flags = ask(server, "web", f"os.statvfs({path!r}).f_flag")
        assert flags & os.ST_NOSUID
        assert flags & os.ST_NODEV


def test_not_visible_outside(start, site):
    """Neither to the machine nor to other groups, private ones or not."""
    server = start(groups(site, "web private-tmp=On", "other private-tmp=on", "plain"))
    write(server)
    assert seen(server)[1] == [True, True]
    assert seen(server, "other")[1] == [False, False]
    assert seen(server, "plain")[1] == [False, False]
    assert not any(map(os.path.exists, PATHS))
    assert mounts() == []


def test_visible_to_the_other_processes_of_the_group(start, site):
    server = start(groups(site, "web private-tmp=On processes=2 threads=1"))
    pid = write(server)
    assert of_another(server, pid) == [True, True]


def test_a_successor_finds_what_was_there(start, site):
    """One that takes the place of another process, and all of them after a new supervisor."""
    server = start(groups(site, "web private-tmp=On"))
    pid = write(server)
    os.kill(pid, 9)
    server.expect_new_processes()
    server.log.claim("PYW0002")
    assert of_another(server, pid) == [True, True]
    [pid] = server.daemons()
    os.kill(procs.parent(pid), 9)
    wait.until(lambda: server.daemons() not in ([], [pid]), "another supervisor and its process")
    server.log.claim("PYW0009")
    assert of_another(server, pid) == [True, True]


@pytest.mark.parametrize("how", ["graceful", "restart"])
def test_gone_after_a_restart(start, site, how):
    server = start(groups(site, "web private-tmp=On"))
    pid = write(server)
    getattr(server, how)()
    wait.until(lambda: not procs.alive(pid), "the old process to end", 20)
    assert of_another(server, pid) == [False, False]
    assert mounts() == []


def test_nothing_is_left_after_a_stop(start, site):
    server = start(groups(site, "web private-tmp=On"))
    namespace = os.readlink(f"/proc/{write(server)}/ns/mnt")
    assert namespace != os.readlink("/proc/self/ns/mnt")
    assert server.stop() == []
    assert mounts() == []
    assert not any(map(os.path.exists, PATHS))
    assert namespace not in {link for link in map(namespace_of, os.listdir("/proc")) if link}


def namespace_of(name):
    try:
        return os.readlink(f"/proc/{name}/ns/mnt")
    except OSError:
        return ""


def test_what_the_machine_mounts_later_is_seen(around, site):
    """Or a disk that is taken away would be kept busy by the group. The machine: a namespace of the test."""
    place = site / "disk"
    place.mkdir()
    machine = wrapped(around, "unshare --mount --propagation shared")
    settings = Settings(extra=groups(site, "web private-tmp=On"))
    with HttpdInstance(machine, settings) as server:

        def run(command):
            assert os.system(f"nsenter --mount --target {server.pid} {command} {place}") == 0

        run("mount -t tmpfs later")
        assert ask(server, "web", f"os.path.ismount({str(place)!r})") is True
        run("umount")
        assert ask(server, "web", f"os.path.ismount({str(place)!r})") is False
        write(server)
        assert not any(os.path.exists(f"/proc/{server.pid}/root{path}") for path in PATHS)
    server.remove()


def test_a_path_that_is_hidden_is_said(start, site):
    hidden = Path(tempfile.mkdtemp(prefix="pywsgi-hidden-", dir="/tmp"))
    hidden.chmod(0o755)
    try:
        server = start(groups(site, f"web private-tmp=On home={hidden}"))
        assert server.get("/web").status == 503
    finally:
        hidden.rmdir()
    [line] = server.log.claim("PYW0008")
    assert f"'{hidden}' does not exist: with private-tmp=On the group has an empty /tmp" in (
        line.text
    )
    server.log.allow("PYW0004|PYW0154")


def test_identity_is_the_users_all_the_same(start, site):
    server = start(groups(site, "web private-tmp=On user=games group=games"))
    write(server)
    status = procs.status(server.daemons()[0])
    assert "0" not in status["Uid"].split()
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapBnd"], 16) == 0


# Within a chroot

SEES = """
import json, os
def application(environ, start_response):
    start_response("200 OK", [])
    open("/tmp/made", "w").close()
    found = {name: os.listdir(name) for name in ("/tmp", "/var/tmp") if os.path.isdir(name)}
    return [json.dumps(found).encode()]
"""
JAILED = (
    "WSGIApplicationGroup %{GLOBAL}\nWSGIProcessGroup web\n"
    f"WSGIDaemonProcess web private-tmp=On chroot=@ROOT@/jail daemon-program={jail.PROGRAM}\n"
    "WSGIScriptAlias /app @ROOT@/jail/app.py\n"
)


def make_jail(*folders, link=""):
    def prepare(server):
        jail.build(server.root / "jail", server.around.artifacts)
        for name in folders:
            (server.root / "jail" / name).mkdir(parents=True)
            (server.root / "jail" / name / "before").touch()
        if link:
            (server.root / "jail/tmp").symlink_to(link)

    return prepare


@pytest.mark.parametrize("folders", [("tmp",), ("tmp", "var/tmp")])
def test_within_a_chroot(start, folders):
    """Its own directories, of which /var/tmp need not be there."""
    server = start(JAILED, files={"jail/app.py": SEES}, prepare=make_jail(*folders))
    found = server.get("/app").json()
    assert found == {f"/{name}": ["made"] if name == "tmp" else [] for name in folders}
    assert os.listdir(server.root / "jail/tmp") == ["before"]
    assert mounts() == []


def test_links_within_a_chroot_lead_nowhere_else(start):
    """Whoever writes the chroot's files must not choose what root mounts over."""
    server = start(
        JAILED,
        files={"jail/app.py": SEES},
        prepare=make_jail("etc", link="../../../../../../etc"),
    )
    assert server.get("/app").json() == {"/tmp": ["made"]}
    assert os.listdir(server.root / "jail/etc") == ["before"]
    assert not Path("/etc/made").exists()


def test_a_chroot_without_tmp_is_said(start, servers):
    with pytest.raises(HttpdFailed):
        start(JAILED, files={"jail/app.py": SEES}, prepare=make_jail())
    [(_, server)] = servers.in_use()
    [line] = server.log.claim("PYW0020")
    assert "process group 'web': private-tmp=On: an empty /tmp could not be had: No such file" in (
        line.text
    )
    server.log.claim("AH00020")


# Where it may not be had


def test_a_root_that_may_not_mount_is_told(around, site):
    surroundings = as_somebody(around, "--bounding-set=-sys_admin", user="root")
    server = HttpdInstance(surroundings, Settings(extra=groups(site, "web private-tmp=On")))
    with pytest.raises(HttpdFailed):
        server.start()
    lines = server.log.find("PYW0020")
    assert lines, server.story()
    assert (
        "process group 'web': private-tmp=On: a mount namespace could not be had" in lines[0].text
    )
    assert "CAP_SYS_ADMIN" in lines[0].text
    server.remove()
