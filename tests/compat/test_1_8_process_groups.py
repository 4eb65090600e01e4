"""Section 1.8: the options of WSGIDaemonProcess, each by what it does to the running processes.

User, group, umask, home, locale and their kin: tests/integration/test_identity.py. Timeouts and limits in
seconds: test_2_11_each_timeout.py.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import os
import socket
import zlib
from pathlib import Path

import pytest

from support import inline, jail, procs, raw, rolls, wait
from support.httpd import Settings

MIB = 1024 * 1024
# Group -> options. Each serves apps/inline at /GROUP.
GROUPS = {
    "plain": "threads=2",
    "nice": "cpu-priority=7",
    "buffers": "send-buffer-size=16384 receive-buffer-size=32768",
    "tiny": "send-buffer-size=512 receive-buffer-size=512",
    "headers": "header-buffer-size=8192",
    "lingering": "response-flush-delay=60000 response-buffer-size=65536",
    "backlog": "listen-backlog=0",
    "one": "processes=1",
    "home": "home=@SCRATCH@ python-path=@ROOT@",
}


def serve(options, rest=""):
    lines = ["WSGIApplicationGroup %{GLOBAL}", "SetEnv test.scratch @SCRATCH@", rest]
    for name, each in options.items():
        lines.append(f"WSGIDaemonProcess {name} {each}")
        lines.append(f"WSGIScriptAlias /{name} @APPS@/inline/wsgi.py process-group={name}")
    return "\n".join(lines)


@pytest.fixture
def groups(servers):
    """One server for all groups of the table."""
    rest = "<Location /lingering>\nSetOutputFilter DEFLATE\n</Location>\n"
    return servers.kept(
        "1.8",
        Settings(extra=serve(GROUPS, rest)),
        lambda server: [pid_of(server, name) for name in GROUPS],
    )


def say(expression):
    return f'start_response("200 OK", [])\nreturn [json.dumps({expression}).encode()]'


def ask(server, group, expression):
    """The value of an expression in a process of the group."""
    response = inline.run(server, say(expression), path=f"/{group}")
    assert response.status == 200, server.story()
    return response.json()


def ready(server):
    """All processes of the server have started: each group has reported one."""
    count = server.settings.extra.count("WSGIDaemonProcess ")
    wait.until(lambda: len(server.daemons()) == count, f"{count} processes")
    threads = wait.until(lambda: _serving(server), "their threads")
    assert threads


def _serving(server):
    """Whether each has the threads that it has when it serves: main, monitor, pulse, workers."""
    return all(len(os.listdir(f"/proc/{pid}/task")) > 3 for pid in server.daemons())


def pid_of(server, group):
    return ask(server, group, "os.getpid()")


# Limits and priority


def limit(pid, name):
    """Soft and hard limit, as text."""
    for line in Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return line.removeprefix(name).split()[:2]
    raise AssertionError(f"no {name} in the limits of {pid}")


@pytest.fixture
def limited(servers):
    options = f"threads=2 memory-limit={1024 * MIB} virtual-memory-limit={8192 * MIB}"
    return servers.kept("1.8 limits", Settings(extra=serve({"limits": options})), ready)


@pytest.mark.no_asan
def test_memory_limits(limited, groups):
    """In bytes of 64 bits; soft and hard, so that the application cannot lift them."""
    pid = pid_of(limited, "limits")
    assert limit(pid, "Max data size") == [str(1024 * MIB)] * 2
    assert limit(pid, "Max address space") == [str(8192 * MIB)] * 2
    plain = pid_of(groups, "plain")
    assert limit(plain, "Max data size") == limit(groups.pid, "Max data size")
    assert limit(plain, "Max address space") == limit(groups.pid, "Max address space")


@pytest.mark.no_asan
def test_memory_beyond_the_limit_is_a_memory_error(limited):
    code = """
        try:
            bytearray(2 * 1024 * 1024 * 1024)
            said = b"given"
        except MemoryError:
            said = b"refused"
        start_response("200 OK", [])
        return [said]
    """
    assert inline.run(limited, code, path="/limits").text == "refused"


def nice(pid):
    text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    return int(text[text.rindex(")") + 2 :].split()[16])


def test_cpu_priority(groups):
    """Of every thread, as they inherit it."""
    pid = pid_of(groups, "nice")
    assert nice(pid) == 7
    assert {nice(f"{pid}/task/{each}") for each in os.listdir(f"/proc/{pid}/task")} == {7}
    assert nice(pid_of(groups, "plain")) == nice(groups.pid)


@pytest.mark.root
def test_cpu_priority_may_be_raised_by_root(start):
    server = start(serve({"fast": "cpu-priority=-5"}))
    assert nice(pid_of(server, "fast")) == -5


# Buffers

BUFFERS_OF_ALL_SOCKETS = """
    import socket
    found = []
    for name in os.listdir("/proc/self/fd"):
        path = "/proc/self/fd/" + name
        if not os.path.islink(path) or not os.readlink(path).startswith("socket:"):
            continue
        with socket.socket(fileno=os.dup(int(name))) as each:
            found.append([each.getsockopt(socket.SOL_SOCKET, option)
                          for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)])
    start_response("200 OK", [])
    return [json.dumps(found).encode()]
"""
SYS_PIDFD_GETFD = 438


def buffers_of(pid):
    """What sockets of channels of an Apache child have: (SO_SNDBUF, SO_RCVBUF) each."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = set()
    pidfd = os.pidfd_open(pid)
    for number, target in procs.fds(pid).items():
        if not target.startswith("socket:"):
            continue
        fd = libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
        if fd < 0:
            continue
        with socket.socket(fileno=fd) as each, contextlib.suppress(OSError):
            if each.family == socket.AF_UNIX and each.getpeername():
                found.add(
                    tuple(
                        each.getsockopt(socket.SOL_SOCKET, option)
                        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)
                    )
                )
    os.close(pidfd)
    return found


@pytest.mark.root
def test_socket_buffers_at_both_ends(groups):
    """The kernel doubles what it is told."""
    sizes = (2 * 16384, 2 * 32768)
    inside = inline.run(groups, BUFFERS_OF_ALL_SOCKETS, path="/buffers").json()
    assert list(sizes) in inside
    assert any(sizes in buffers_of(pid) for pid in groups.children())
    assert list(sizes) not in inline.run(groups, BUFFERS_OF_ALL_SOCKETS, path="/plain").json()


def test_the_smallest_buffers_carry_large_bodies(groups):
    body = os.urandom(3 * MIB)
    code = 'start_response("200 OK", [])\nreturn [environ["wsgi.input"].read()]'
    response = inline.run(groups, code, "POST", body=body, path="/tiny")
    assert response.status == 200
    assert response.body == body


@pytest.mark.parametrize(("length", "status"), [(8192, 200), (8193, 500)])
def test_header_buffer_size(groups, length, status):
    """One header line, as HTTP/1 writes it; without the option there is no such limit."""
    code = f"""
        start_response("200 OK", [("X-Long", "x" * ({length} - len("X-Long: ")))])
        return [b"the body"]
    """
    response = inline.run(groups, code, path="/headers")
    assert response.status == status
    if status == 500:
        assert b"the body" not in response.body
        [line] = groups.log.claim("PYW0162")
        assert "'X-Long' is 8193 bytes long" in line.text
    assert inline.run(groups, code, path="/plain").status == 200


WITHOUT_END = """
    start_response("200 OK", [("Content-Type", "text/plain")])
    def body():
        yield b"a" * {size}
        while not os.path.exists(environ["test.scratch"] + "/{name}"):
            time.sleep(0.01)
        yield b"b"
    return body()
"""


def read_inflated(connection, size):
    """Read a deflated response until `size` bytes of its body are there."""
    data, unpack = b"", zlib.decompressobj(31)
    while b"\r\n\r\n" not in data:
        data += connection.read_some()
    head, _, rest = data.partition(b"\r\n\r\n")
    assert b"gzip" in head, head
    body = b""
    while len(body) < size:
        body = unpack.copy().decompress(_dechunk(rest))
        if len(body) < size:
            rest += connection.read_some()
    return body


def _dechunk(data):
    """As far as it has come."""
    out = b""
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        out += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return out


def test_response_buffer_size(groups):
    """So much goes to Apache's filters before they are told to let go of it: mod_deflate keeps less."""
    code = WITHOUT_END.format(size=65536, name="go-full")
    headers = [inline.header(code), ("Accept-Encoding", "gzip")]
    with groups.connect() as connection:
        connection.send(raw.encode("GET", "/lingering", headers))
        assert read_inflated(connection, 65536) == b"a" * 65536
        (groups.scratch / "go-full").touch()


def test_less_than_response_buffer_size_lingers(groups):
    code = WITHOUT_END.format(size=65535, name="go-less")
    headers = [inline.header(code), ("Accept-Encoding", "gzip")]
    with groups.connect(timeout=1) as connection:
        connection.send(raw.encode("GET", "/lingering", headers))
        with pytest.raises(TimeoutError):
            read_inflated(connection, 65535)
        (groups.scratch / "go-less").touch()


def test_no_backlog_is_still_a_place_to_knock(groups):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = pool.map(lambda _: ask(groups, "backlog", "1"), range(40))
        assert set(statuses) == {1}


# What else options say


def test_processes_given_as_one_is_multiprocess(groups):
    assert ask(groups, "one", 'environ["wsgi.multiprocess"]') is True
    assert ask(groups, "plain", 'environ["wsgi.multiprocess"]') is False


def test_home_is_first_in_sys_path_after_python_path(groups):
    assert ask(groups, "home", "sys.path[:2]") == [str(groups.scratch), str(groups.root)]
    assert ask(groups, "home", "os.getcwd()") == str(groups.scratch)
    assert str(groups.scratch) not in ask(groups, "plain", "sys.path")


@pytest.mark.root
def test_apaches_compiled_user_and_group_are_the_configured_ones(start):
    server = start(serve({"same": "user=#-1 group=#-1"}))
    own = procs.status(pid_of(server, "same"))
    assert own["Uid"] == procs.status(server.children()[-1])["Uid"]
    assert "0" not in own["Uid"].split() + own["Gid"].split()


# script-user, script-group

OWNER = "games"
APP = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ran"]

handle_request = application

def allow_access(environ, host):
    return True
"""
# Owner and mode of the directory and of the script -> what script-user=, script-group= answer.
OWNERS = {
    "right": ((5, 60, 0o755), (5, 60, 0o644), 200, 200),
    "group-may-write": ((5, 60, 0o755), (5, 60, 0o664), 403, 200),
    "group-may-write-dir": ((5, 60, 0o775), (5, 60, 0o644), 403, 200),
    "all-may-write": ((5, 60, 0o755), (5, 60, 0o646), 403, 403),
    "all-may-write-dir": ((5, 60, 0o1777), (5, 60, 0o644), 403, 403),
    "other-user": ((5, 60, 0o755), (0, 60, 0o644), 403, 200),
    "other-users-dir": ((0, 60, 0o755), (5, 60, 0o644), 403, 200),
    "other-group": ((5, 60, 0o755), (5, 0, 0o644), 200, 403),
    "other-groups-dir": ((5, 0, 0o755), (5, 60, 0o644), 200, 403),
}


def own(path, uid, gid, mode):
    os.chown(path, uid, gid)
    path.chmod(mode)


def other_scripts(name, script, group):
    """/handled/NAME, by that script as a handler, and /decided/NAME, which it decides on."""
    return (
        f"WSGIHandlerScript by-{name} {script} process-group={group} application-group=%{{GLOBAL}}\n"
        f"<Location /handled/{name}>\nSetHandler by-{name}\n</Location>\n"
        f"Alias /decided/{name} @ROOT@/htdocs/alive\n"
        f"<Location /decided/{name}>\nWSGIAccessScript {script} process-group={group}\n</Location>\n"
    )


def make_owned(server):
    """One directory a row, and links from a right one to a wrong one and the reverse."""
    for name, (of_dir, of_script, *_) in OWNERS.items():
        script = server.write(f"owned/{name}/wsgi.py", APP)
        own(script, *of_script)
        own(script.parent, *of_dir)
    for name, target in (("link", "right"), ("bad-link", "all-may-write-dir")):
        folder = server.root / "owned" / name
        folder.mkdir()
        (folder / "wsgi.py").symlink_to(f"../{target}/wsgi.py")
        own(folder, 5, 60, 0o755)


@pytest.fixture
def owned(servers):
    extra = (
        "WSGIApplicationGroup %{GLOBAL}\n"
        f"WSGIDaemonProcess by-user script-user={OWNER}\n"
        f"WSGIDaemonProcess by-group script-group={OWNER}\n"
        "WSGIDaemonProcess early script-user=root\n"
        "WSGIScriptAlias /by-user @ROOT@/owned/ process-group=by-user\n"
        "WSGIScriptAlias /by-group @ROOT@/owned/ process-group=by-group\n"
        "WSGIScriptAlias /early @ROOT@/owned/right/wsgi.py process-group=early "
        "application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /embedded @ROOT@/owned/ process-group=%{GLOBAL}\n"
    ) + "".join(
        other_scripts(name, f"@ROOT@/owned/{name}/wsgi.py", "by-user")
        for name in ("right", "all-may-write")
    )
    return servers.kept("1.8 owners", Settings(extra=extra, prepare=make_owned), ready)


@pytest.mark.root
@pytest.mark.parametrize("name", OWNERS)
def test_script_owner(owned, name):
    _, _, *expected = OWNERS[name]
    for option, status in zip(("by-user", "by-group"), expected, strict=True):
        response = owned.get(f"/{option}/{name}/wsgi.py")
        assert response.status == status, (option, name)
        assert (response.body == b"ran") is (status == 200)
        if status == 403:
            [line] = owned.log.claim(f"PYW0241.*{option}")
            assert f"/owned/{name}" in line.text
            assert OWNER in line.text


@pytest.mark.root
@pytest.mark.parametrize(("kind", "refused"), [("handled", 403), ("decided", 500)])
def test_owner_of_handlers_and_of_scripts_that_decide(owned, kind, refused):
    assert owned.get(f"/{kind}/right").status == 200
    assert owned.get(f"/{kind}/all-may-write").status == refused
    [line] = owned.log.claim("PYW0241")
    assert "/owned/all-may-write/wsgi.py" in line.text


@pytest.mark.root
def test_script_that_is_a_link_is_looked_at_where_it_lies(owned):
    """Whoever may write to the directory of the file itself chooses what is run."""
    assert owned.get("/by-user/link/wsgi.py").status == 200
    assert owned.get("/by-user/bad-link/wsgi.py").status == 403
    [line] = owned.log.claim("PYW0241")
    assert f"{owned.root}/owned/all-may-write-dir' may be written by everybody" in line.text


@pytest.mark.root
def test_script_owner_is_looked_at_in_every_request(owned):
    """Not only when the script is loaded."""
    script = owned.root / "owned/right/wsgi.py"
    assert owned.get("/by-user/right/wsgi.py").status == 200
    script.chmod(0o666)
    try:
        assert owned.get("/by-user/right/wsgi.py").status == 403
    finally:
        script.chmod(0o644)
    assert owned.get("/by-user/right/wsgi.py").status == 200
    owned.log.claim("PYW0241")


@pytest.mark.root
def test_script_of_another_owner_is_not_imported_at_start(owned):
    assert owned.get("/early").status == 403
    owned.log.claim("PYW0241")
    assert not [
        line for line in owned.log.read() if "Loading" in line.text and "early" in line.text
    ]


@pytest.mark.root
def test_embedded_mode_has_no_script_owner(owned):
    assert owned.get("/embedded/all-may-write/wsgi.py").status == 200


# chroot

JAILED = """
import json, os
def application(environ, start_response):
    start_response("200 OK", [])
    names = ("SCRIPT_FILENAME", "DOCUMENT_ROOT", "PATH_INFO")
    said = {name: environ[name] for name in names}
    said.update(file=__file__, root=sorted(os.listdir("/")), cwd=os.getcwd(), pid=os.getpid())
    return [json.dumps(said).encode()]

handle_request = application

def allow_access(environ, host):
    return __file__ == "/app/wsgi.py" and "app" in os.listdir("/")
"""


def make_jail(server):
    jail.build(server.root / "jail", server.around.artifacts)
    server.write("jail/app/wsgi.py", JAILED)
    server.write("outside/wsgi.py", JAILED)
    server.write("jail-like/wsgi.py", JAILED)


@pytest.fixture
def jailed(servers):
    options = f"chroot=@ROOT@/jail/ daemon-program={jail.PROGRAM} threads=2"
    extra = (
        "WSGIApplicationGroup %{GLOBAL}\n"
        f"WSGIDaemonProcess jailed home=/app {options}\nWSGIProcessGroup jailed\n"
        f"WSGIDaemonProcess early {options}\n"
        "WSGIScriptAlias /jailed @ROOT@/jail/app/wsgi.py\n"
        "WSGIScriptAlias /outside @ROOT@/outside/wsgi.py\n"
        "WSGIScriptAlias /like @ROOT@/jail-like/wsgi.py\n"
        "WSGIScriptAlias /early @ROOT@/jail/app/wsgi.py process-group=early "
        "application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /too-early @ROOT@/outside/wsgi.py process-group=early "
        "application-group=%{GLOBAL}\n"
        + other_scripts("inside", "@ROOT@/jail/app/wsgi.py", "jailed")
        + other_scripts("outside", "@ROOT@/outside/wsgi.py", "jailed")
    )
    return servers.kept("1.8 chroot", Settings(extra=extra, prepare=make_jail), ready)


@pytest.mark.root
@pytest.mark.no_asan
def test_chroot(jailed):
    """The process lies within it, and the paths of the script are those that it sees."""
    response = jailed.get("/jailed/rest")
    assert response.status == 200, jailed.story()
    found = response.json()
    assert os.readlink(f"/proc/{found['pid']}/root") == f"{jailed.root}/jail"
    assert found["root"] == sorted(os.listdir(jailed.root / "jail"))
    assert found["file"] == found["SCRIPT_FILENAME"] == "/app/wsgi.py"
    assert found["cwd"] == "/app"
    assert found["PATH_INFO"] == "/rest"
    assert found["DOCUMENT_ROOT"] == f"{jailed.root}/htdocs", "Apache's own is none of the script's"
    assert "0" not in procs.status(found["pid"])["Uid"].split(), "chroot holds nobody who is root"


@pytest.mark.root
@pytest.mark.no_asan
@pytest.mark.parametrize("path", ["/outside", "/like"])
def test_script_outside_of_the_chroot_is_an_error_in_the_log(jailed, path):
    response = jailed.get(path)
    assert response.status == 500
    assert str(jailed.root).encode() not in response.body
    [line] = jailed.log.claim("PYW0240")
    assert "chroot=" in line.text


@pytest.mark.root
@pytest.mark.no_asan
def test_handlers_and_scripts_that_decide_within_the_chroot(jailed):
    found = jailed.get("/handled/inside").json()
    assert found["file"] == "/app/wsgi.py"
    assert found["SCRIPT_FILENAME"] == f"{jailed.root}/htdocs/handled", "no script of the group's"
    assert jailed.get("/decided/inside").body == b"alive\n"
    for kind in ("handled", "decided"):
        assert jailed.get(f"/{kind}/outside").status == 500
        jailed.log.claim("PYW0240")


@pytest.mark.root
@pytest.mark.no_asan
def test_script_within_the_chroot_is_imported_at_start(jailed):
    assert jailed.get("/early").status == 200
    lines = [
        line for line in jailed.log.read() if "Loading WSGI script '/app/wsgi.py'" in line.text
    ]
    assert lines, "loaded by its path within"
    assert not [
        line
        for line in jailed.log.read()
        if "outside/wsgi.py" in line.text and "PYW01" in line.text
    ]


@pytest.mark.root
@pytest.mark.no_asan
def test_touched_script_within_the_chroot_is_reloaded(jailed):
    before = jailed.get("/jailed").json()["pid"]
    script = jailed.root / "jail/app/wsgi.py"
    os.utime(script, (1, 1))
    jailed.expect_new_processes()
    rolls.until_new(
        lambda: jailed.get("/jailed").json()["pid"],
        lambda pid: pid == before,
        lambda pid: pid != before,
    )
    wait.until(lambda: not procs.alive(before), "the old process to end")


# Virtual hosts

HOSTS = """
Listen 127.0.0.1:@PORT2@
WSGIApplicationGroup %{GLOBAL}
WSGIDaemonProcess everybodys
<VirtualHost 127.0.0.1:@PORT@>
ServerName a.test
ErrorLog @ROOT@/a_log
WSGIDaemonProcess own
WSGIScriptAlias /own @APPS@/inline/wsgi.py process-group=own
WSGIScriptAlias /everybodys @APPS@/inline/wsgi.py process-group=everybodys
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
ServerName A.test
WSGIScriptAlias /own @APPS@/inline/wsgi.py process-group=own
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT@>
ServerName b.test
WSGIProcessGroup own
WSGIScriptAlias /own @APPS@/inline/wsgi.py
WSGIScriptAlias /everybodys @APPS@/inline/wsgi.py process-group=everybodys
</VirtualHost>
"""


def test_groups_and_virtual_hosts(start):
    """A host's group serves hosts of its ServerName and logs where the host does."""
    server = start(HOSTS)
    log = server.extra_log("a_log")
    code = 'os.write(2, b"said by the process\\n")\n' + say("os.getpid()")

    def run(host, path, port=None):
        headers = [inline.header(code), ("Host", host)]
        return server.request("GET", path, headers, port=port)

    pids = {run("a.test", "/own").json(), run("a.test", "/own", server.port2).json()}
    assert len(pids) == 1, "the same process for both ports"
    log.claim("said by the process", at_least=2)
    assert run("b.test", "/own").status == 500
    server.log.claim("PYW0210")
    assert run("b.test", "/everybodys").json() == run("a.test", "/everybodys").json()
    server.log.claim("said by the process", at_least=2)
