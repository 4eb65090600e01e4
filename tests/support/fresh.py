"""A new Debian root, made by tests/fresh/run, and a terminal in it, to paste a page's commands into."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).parent.parent.parent
USER = "visitor"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETWORK = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
)
VISITOR = f"""
set -e
apt-get update -q
apt-get install -y -q --no-install-recommends sudo
useradd -m -s /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER}
echo 'Defaults env_keep += "CFLAGS PIP_CERT {" ".join(NETWORK)}"' >>/etc/sudoers.d/{USER}
cp -a /mod_pywsgi /home/{USER}/
chown -R {USER}: /home/{USER}/mod_pywsgi
"""
# A page begins where the one before it began: with the checkout, and Apache as it was installed.
CLEAN = f"""
find /home/{USER} -mindepth 1 -maxdepth 1 ! -name mod_pywsgi -exec rm -rf {{}} +
! command -v apache2ctl >/dev/null || apache2ctl stop
rm -rf /srv/*
"""
# Every command that fails tells of it, as it does.
PROMPT = r"""PS1='$ '; PS2='> '; trap 'echo "[failed"": $BASH_COMMAND]"' ERR"""
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
FAILED = re.compile(r"\[failed: (.*)\]")
SERVER = re.compile(r"^Server URL\s*: (\S+)", re.MULTILINE)
STOPPED_BY_CTRL_C = re.compile(r"^Stop\s*: Ctrl-C", re.MULTILINE)


class Root:
    """The root directory, for as long as tests/fresh/run holds it."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            [str(REPO / "tests/fresh/run"), "--hold"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert self._holder.stdout
        self.path = Path(self._holder.stdout.readline().strip())
        assert self.path.is_dir() and self.path != Path("."), "tests/fresh/run made no root"

    def close(self) -> None:
        """Ends what runs in it, and removes it."""
        assert self._holder.stdin and self._holder.stdout
        self._holder.stdin.close()
        status = self._holder.wait(120)
        self._holder.stdout.close()
        assert status == 0 and not self.path.exists(), f"{self.path} was not removed"

    def enter(self, *words: str) -> list[str]:
        """The command that runs this one inside, with little of our environment."""
        settings = [f"{name}={os.environ[name]}" for name in NETWORK if name in os.environ]
        if (self.path / "etc/outer-ca.crt").exists():
            settings.append("PIP_CERT=/etc/outer-ca.crt")
        # Whether it compiles is the question, not how fast it is.
        settings.append("CFLAGS=-O0")
        base = ["env", "-i", f"PATH={PATH}", "TERM=xterm", "HOME=/root", *settings]
        return [*base, "chroot", str(self.path), *words]

    def run(self, script: str) -> str:
        """What a shell script says, that has to succeed."""
        done = subprocess.run(
            self.enter("/bin/sh", "-euc", script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def add_visitor(self) -> None:
        """A user with sudo, and the checkout where the pages suppose it."""
        self.run(VISITOR)

    def files(self, *places: str) -> set[str]:
        """All files and folders in these places."""
        found = set()
        for place in places:
            for folder, folders, files in os.walk(self.path / place):
                found |= {
                    os.path.relpath(os.path.join(folder, name), self.path)
                    for name in [*folders, *files]
                }
        return found


# Pages


@dataclass(frozen=True)
class Block:
    """Commands of a page, and what it says that they print.

    :param served: pairs of a URL and a text that is there while the block's last command runs.
    """

    line: int
    commands: str
    output: str
    served: tuple[tuple[str, str], ...]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks marked "sh", each with a block marked "text" and comments <!-- served: URL TEXT -->
    that follow it."""
    fences = list(re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.M | re.S))
    text = page.read_text()
    for number, fence in enumerate(fences):
        if fence[1] != "sh":
            continue
        later = fences[number + 1 :]
        following = next((one.start() for one in later if one[1] == "sh"), len(text))
        output = "".join(one[2] for one in later if one[1] == "text" and one.start() < following)
        comments = re.findall(r"<!-- served: (\S+) ?(.*?) ?-->", text[fence.end() : following])
        line = text.count("\n", 0, fence.start()) + 2
        yield Block(line, fence[2], output, tuple(comments))


def is_shown(expected: str, output: str) -> bool:
    """Whether a line of a page is in the output; "..." stands for anything, blanks count as one."""
    parts = [re.escape(part).replace(r"\ ", r"\s+") for part in expected.split("...")]
    return re.search(".*".join(parts), output) is not None


class Terminal:
    """A shell of the visitor's on a terminal. What is written to it is typed."""

    def __init__(self, root: Root, variables: Sequence[str] = ()) -> None:
        """`variables`: more of the environment, as NAME=VALUE."""
        self.output = ""
        self._root = root
        ours, theirs = pty.openpty()
        words = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
        home = f"/home/{USER}"
        words += ["env", f"HOME={home}", f"USER={USER}", *variables]
        words += ["bash", "-c", f"cd {home}; exec bash -i"]
        self._shell = subprocess.Popen(
            root.enter(*words),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: _take_terminal(theirs),
        )
        os.close(theirs)
        self._fd = ours
        self._marks = 0
        self._paste(PROMPT)
        self._until_done(60)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._shell.send_signal(signal.SIGHUP)
        try:
            self._shell.wait(20)
        except subprocess.TimeoutExpired:
            self._shell.kill()
            self._shell.wait()

    def paste(self, block: Block, timeout: float = 600) -> str:
        """Paste a block; a server in its last command is looked at, then stopped by Ctrl-C.

        :return: what was on the terminal meanwhile.
        """
        before = len(self.output)
        self._paste(block.commands)
        self._until_done(timeout, block, before)
        said = self.output[before:]
        for line in filter(None, map(str.strip, block.output.splitlines())):
            assert is_shown(line, said), f"line {block.line}: no {line!r} in\n{said}"
        return said

    def _until_done(self, timeout: float, block: Block | None = None, before: int = 0) -> None:
        """Until the shell has come to the end of what was pasted last."""
        where = f"line {block.line if block else 0}"
        has_server = False
        deadline = time.monotonic() + timeout
        while f"[done {self._marks}]" not in self.output[before:]:
            said = self.output[before:]
            failed = FAILED.search(said)
            assert not failed or has_server, f"{where}: {failed and failed[1]} failed\n{said}"
            assert time.monotonic() < deadline, f"{where}: no end after {timeout} s\n{said}"
            if has_server:
                self._paste("")  # the interrupt has thrown away what was pasted with the block
            elif block and STOPPED_BY_CTRL_C.search(said):
                has_server = True
                self._look(block, said, deadline)
                os.write(self._fd, b"\x03")
            self._read(1)
        assert has_server or not (block and block.served), f"{where}: no server was started"

    def _paste(self, text: str) -> None:
        """As a terminal does it, between marks: the shell has all of it before it runs any of it."""
        self._marks += 1
        mark = f'echo "[done"" {self._marks}]"'
        data = f"\x1b[200~{text.rstrip()}\n{mark}\x1b[201~\n".lstrip("\n").encode()
        while data:
            data = data[os.write(self._fd, data[:1024]) :]
            self._read(0.02)

    def _look(self, block: Block, said: str, deadline: float) -> None:
        """At what is served; and that its address is the one that was printed."""
        found = SERVER.search(said)
        assert found, said
        for url, text in block.served or ((found[1], None),):
            while not _fetch(url, text):
                assert time.monotonic() < deadline, f"no {text!r} at {url}\n{self.output}"
                self._read()

    def _read(self, patience: float = 0.2) -> None:
        if select.select([self._fd], [], [], patience)[0]:
            with contextlib.suppress(OSError):
                data = os.read(self._fd, 65536).decode(errors="replace")
                self.output += ESCAPES.sub("", data).replace("\r\n", "\n")
        assert self._shell.poll() is None, f"the shell has ended\n{self.output}"


def follow(root: Root, page: str, *variables: str) -> None:
    """Paste all blocks of docs/PAGE.md."""
    terminal = Terminal(root, variables)
    try:
        for block in blocks(REPO / "docs" / f"{page}.md"):
            terminal.paste(block)
    finally:
        terminal.close()
        root.run(CLEAN)


def _take_terminal(fd: int) -> None:
    os.setsid()
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def _fetch(url: str, text: str | None) -> bool:
    """By curl of this machine, whose network is the root's, without its proxy.

    :param text: what is to be there; None: any answer will do, one that there is no such page too.
    """
    command: Sequence[str] = ["curl", "-s", "--noproxy", "*", "-m", "20", url]
    command = command if text is None else [*command, "-f"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode == 0 and (text or "") in done.stdout
