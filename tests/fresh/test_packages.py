"""Debian's packages of the server: built, installed beside a real Apache, used, and purged."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import load, raw, wait
from support.fresh import REPO, Root
from support.machine import Port

pytestmark = [pytest.mark.slow, pytest.mark.mounts, pytest.mark.no_asan, pytest.mark.timeout(900)]

APACHE = """
set -e
echo 'exit 101' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d # nothing is started by itself
apt-get update -q
apt-get install -y -q --no-install-recommends apache2 logrotate procps python3 python3-click python3-jinja2
echo 'exit 0' >/usr/sbin/policy-rc.d # there is no init, and services may be reloaded all the same
sed -i 's/^Listen 80/Listen 127.0.0.1:@PORT@/' /etc/apache2/ports.conf
echo 'ServerName localhost' >>/etc/apache2/apache2.conf
a2dissite -q 000-default
mkdir -p /srv/hello /srv/shop
"""
# A configuration by hand, with nothing but Debian's own Python.
BY_HAND = """
WSGIScriptAlias /hello /srv/hello/wsgi.py
WSGIDaemonProcess hello
<Directory /srv/hello>
    WSGIProcessGroup hello
    Require all granted
</Directory>
"""
HELLO = """
import sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [("hello from %s by %s" % (sys.prefix, environ["mod_wsgi.process_group"])).encode()]
"""
# What installing anything leaves, what runs of Apache do, and what the administrator has disabled.
NOT_OURS = re.compile(
    r"var/(lib/(dpkg|apt|systemd|logrotate)|cache|log)(/|$)|etc/(ld\.so\.cache|apt|alternatives)"
    r"|usr/lib/python3(\.\d+)?/(?!dist-packages/mod_pywsgi).*__pycache__|run/"
    r"|var/lib/apache2/(site|conf|module)/\w+(/(shop|hello))?$"
)
PLACES = ("etc", "usr", "var", "opt", "srv", "run", "tmp")


class Site:
    """What the root's Apache serves."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, timeout: float = 20.0) -> raw.Connection:
        return raw.Connection("127.0.0.1", self.port, timeout)

    def get(self, target: str) -> raw.Response:
        with self.connect() as connection:
            return connection.request("GET", target)

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, EOFError):
            return self.get("/").status > 0
        return False


@pytest.fixture(scope="module")
def packages() -> list[Path]:
    """As `make deb` builds them."""
    depends = ["dpkg-checkbuilddeps", str(REPO / "packaging/debian/control")]
    if not shutil.which(depends[0]) or subprocess.run(depends, check=False).returncode:
        pytest.skip("what make deb needs is not installed")
    done = subprocess.run(
        ["make", "-s", "-C", str(REPO / "build/dev"), "deb"],
        # Whether it is complete is the question, not how fast it is.
        env={**os.environ, "DEB_CFLAGS_APPEND": "-O0", "DEB_CPPFLAGS_APPEND": "-U_FORTIFY_SOURCE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    found = sorted((REPO / "build/dev/deb").glob("*.deb"))
    assert [path.name.split("_")[0] for path in found] == [
        "libapache2-mod-pywsgi",
        "python3-mod-pywsgi",
    ]
    return found


@pytest.fixture(scope="module")
def root() -> Iterator[Root]:
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    made = Root()
    yield made
    made.close()


def write(root: Root, name: str, text: str) -> None:
    (root.path / name).write_text(text)
    (root.path / name).chmod(0o644)


def test_debian_packages(packages: list[Path], root: Root) -> None:
    port = Port()
    port.release()
    site = Site(port.number)
    root.run(APACHE.replace("@PORT@", str(site.port)))
    write(root, "srv/hello/wsgi.py", HELLO)
    write(root, "srv/shop/wsgi.py", load.script("one"))
    before = ours(root)
    for path in packages:
        shutil.copy(path, root.path / "root")
    root.run("apt-get install -y -q --no-install-recommends /root/*.deb && rm /root/*.deb")
    installed(root)
    by_hand(root, site)
    try:
        as_site(root, site)
        rotated(root, site)
        started_as_command(root)
        purged(root, site)
    finally:
        root.run("apache2ctl stop || true")
    left = sorted(ours(root) - before)
    assert not left, left


def ours(root: Root) -> set[str]:
    return {name for name in root.files(*PLACES) if not NOT_OURS.match(name)}


def installed(root: Root) -> None:
    """Enabled as Debian's own modules are, and nothing wrong with the files."""
    assert "enabled" in root.run("a2query -m pywsgi")
    assert "Syntax OK" in root.run("apache2ctl configtest 2>&1")
    assert "libpython" not in root.run("ldd /usr/lib/apache2/modules/mod_pywsgi.so")
    assert root.run("mod-pywsgi-express --version")
    assert (
        root.path / "usr/lib/python3/dist-packages/mod_pywsgi/manual/docs/quickstart.html"
    ).exists()
    for path in ("usr/libexec/mod_pywsgi/pywsgi-daemon", "usr/lib/apache2/modules/mod_pywsgi.so"):
        assert os.stat(root.path / path).st_uid == 0


def by_hand(root: Root, site: Site) -> None:
    write(root, "etc/apache2/conf-available/hello.conf", BY_HAND)
    root.run("a2enconf -q hello && apache2ctl graceful")  # installing the module has started it
    wait.until(site.is_up, "Apache to answer")
    expected = "hello from /usr by hello"
    wait.until(lambda: site.get("/hello").text == expected, "the application")


def as_site(root: Root, site: Site) -> None:
    """The package's command, with Debian's own a2ensite."""
    said = root.run(
        f"mod-pywsgi-express site shop /srv/shop --server-name 127.0.0.1 --port {site.port}"
        " --processes 2 && apache2ctl graceful"
    )
    assert "enabled the site shop" in said and "Module" not in said
    wait.until(lambda: site.get("/?100").status == 200, "the site")
    assert load.read(site.get("/?100"), 100).version == "one"


def rotated(root: Root, site: Site) -> None:
    """By the snippet of Debian's own package, which covers the logs of sites."""
    log = root.path / "var/log/apache2/shop-access.log"
    with load.on(site, "/?200") as at_work:
        for number in (1, 2):
            root.run("logrotate --force /etc/logrotate.d/apache2")
            wait.until(lambda: log.exists() and log.stat().st_size > 0, f"new log {number}")
            at_work.goes_on(50)
    assert at_work.total().failures() == 0, at_work.total().report()
    assert (root.path / "var/log/apache2/shop-access.log.1").exists()


def started_as_command(root: Root) -> None:
    """The same package serves without the system's Apache."""
    port = Port()
    port.release()
    said = root.run(
        "cd /srv/hello && mod-pywsgi-express setup-server wsgi.py --host 127.0.0.1"
        f" --port {port.number} --server-root /srv/root"
    )
    assert "Server URL" in said
    root.run("/srv/root/apachectl start")
    server = Site(port.number)
    wait.until(server.is_up, "express to answer")
    assert server.get("/").text.startswith("hello from /usr")
    root.run("/srv/root/apachectl stop")
    wait.until(lambda: not server.is_up(), "it to stop")
    shutil.rmtree(root.path / "srv/root")


def purged(root: Root, site: Site) -> None:
    """Apache goes on without; the configuration that needs the module has been taken out before."""
    root.run(
        "a2dissite -q shop && a2disconf -q hello"
        " && rm /etc/apache2/sites-available/shop.conf /etc/apache2/conf-available/hello.conf"
    )
    root.run("apt-get purge -y -q --auto-remove libapache2-mod-pywsgi python3-mod-pywsgi")
    assert "Syntax OK" in root.run("apache2ctl configtest 2>&1")
    root.run("apache2ctl graceful")
    wait.until(lambda: site.get("/hello").status in (403, 404), "the server without the module")
