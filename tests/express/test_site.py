"""`site`: a virtual host of the system's Apache; here are two such, in Debian's layout and in Fedora's."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import httpd, machine
from support.distribution import Distribution
from support.express import NOBODY, Express

pytestmark = pytest.mark.no_asan

APPLICATION = """
import os
import mod_wsgi
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    print("seen", file=environ["wsgi.errors"])
    say = [environ[name] for name in environ.get("QUERY_STRING", "").split("&") if name in environ]
    return ["|".join(map(str, [__NAME__, mod_wsgi.process_group, os.getcwd(), *say])).encode()]
"""
FOREIGN = "WSGIDaemonProcess taken\n"


@pytest.fixture
def root() -> Iterator[Path]:
    made = machine.make_root("pywsgi-site-")
    yield made
    machine.remove_tree(made)


@pytest.fixture(params=["debian", "fedora"])
def apache(
    request: pytest.FixtureRequest, root: Path, around: httpd.Surroundings
) -> Iterator[Distribution]:
    (root / "etc").mkdir()
    made = Distribution(request.param, root / "etc", around.facts)
    yield made
    made.stop()


@pytest.fixture
def express(root: Path, around: httpd.Surroundings) -> Express:
    """The command; its directory holds the applications shop/ and blog/."""
    assert around.artifacts, "nothing is built: ./dev build"
    (root / "site").mkdir()
    made = Express(root / "site", around.artifacts)
    for name in ("shop", "blog"):
        made.write(f"{name}/wsgi.py", APPLICATION.replace("__NAME__", repr(name)))
    made.write("files/style.css", "body {}")
    made.write("files/.htsecret", "x")
    return made


def site(
    express: Express, apache: Distribution, name: str, *words: str, user: str | None = None
) -> subprocess.CompletedProcess[str]:
    return express.run("site", name, *words, *apache.words, env=apache.environment, user=user)


def add(express: Express, apache: Distribution, name: str, *words: str) -> dict[str, str]:
    """The site NAME of the application in that directory; what the command said, by label."""
    given = words if "--server-name" in words else ("--server-name", f"{name}.test", *words)
    done = site(express, apache, name, name, *given)
    assert done.returncode == 0, done.stderr
    said = [line.partition(":") for line in done.stdout.splitlines()]
    return {label.strip(): text.strip() for label, _, text in said}


def test_two_sites_and_the_way_back(express: Express, apache: Distribution) -> None:
    apache.start()
    before = apache.snapshot()
    files = ("--url-alias", "/static", "files", "--setenv", "GREETING", 'say "hi" $x')
    first = add(express, apache, "shop", *files, "--processes", "2", "--threads", "3")
    apache.reload()
    second = add(express, apache, "blog", "--mount-point", "/blog")
    apache.reload()

    place = express.site
    asked = apache.get("shop.test", "/?GREETING&wsgi.multiprocess&SCRIPT_NAME").text
    assert asked == f'shop|shop|{place}/shop|say "hi" $x|True|'
    assert apache.get("blog.test", "/blog/x").text == f"blog|blog|{place}/blog"
    assert apache.get("blog.test", "/").status != 200
    assert apache.get("shop.test", "/static/style.css").body == b"body {}"
    assert apache.get("shop.test", "/static/.htsecret").status == 403
    assert "seen" in (apache.logs / "shop-error.log").read_text()
    assert "200" in (apache.logs / "shop-access.log").read_text()

    assert (first["Site"], second["Site"]) == (
        f"http://shop.test:{apache.port}/",
        f"http://blog.test:{apache.port}/blog/",
    )
    assert "Module" in first and "Module" not in second  # it is there already
    type_commands(apache, second["Undo"])
    apache.reload()
    assert apache.get("blog.test", "/blog/x").text.startswith("shop")  # the only site that is left
    type_commands(apache, first["Undo"])
    type_commands(apache, first["Module"].partition("#")[0])
    apache.reload()
    assert apache.get("shop.test").status in (403, 404)
    assert apache.snapshot() == before


def type_commands(apache: Distribution, line: str) -> None:
    """What the command says to type, but for the reload, which is the system's."""
    commands = [
        part for part in line.split(" && ") if "reload" not in part and "graceful" not in part
    ]
    assert commands
    environment = {**os.environ, **apache.environment, "APACHE_CONFDIR": str(apache.root)}
    for command in commands:
        subprocess.run(shlex.split(command), env=environment, check=True, timeout=30)


def test_a_name_with_www(express: Express, apache: Distribution) -> None:
    apache.start()
    add(express, apache, "shop", "--server-name", "www.shop.test", "--server-alias", "*.shop.test")
    apache.reload()
    assert apache.get("www.shop.test").text.startswith("shop|")
    assert apache.get("other.shop.test").text.startswith("shop|")
    answer = apache.get("shop.test", "/x%20y?z")
    assert answer.status == 308
    assert answer.header("Location") == f"http://www.shop.test:{apache.port}/x%20y?z"


def test_tls(express: Express, apache: Distribution, root: Path) -> None:
    """The modules are loaded that it needs; the other port sends clients there."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    make += ["-nodes", "-subj", "/CN=shop.test", "-addext", "subjectAltName=DNS:shop.test"]
    make += ["-keyout", str(root / "shop.key"), "-out", str(root / "shop.crt")]
    subprocess.run(make, check=True, capture_output=True)
    apache.start()
    before = apache.snapshot()
    words = ["--https-port", str(apache.https_port), "--ssl-certificate", str(root / "shop")]
    words += ["--https-only", "--hsts-policy", "max-age=600"]
    for ending in (".crt", ".key"):
        express.write(f"open{ending}", (root / f"shop{ending}").read_text())
    open_key = ["--ssl-certificate", str(express.site / "open")]
    done = site(express, apache, "shop", "shop/wsgi.py", "--server-name", "shop.test", *open_key)
    assert "who can read the private key" in done.stderr
    assert apache.snapshot() == before
    said = add(express, apache, "shop", *words)
    assert said["Site"] == f"https://shop.test:{apache.https_port}/"
    apache.reload()
    answer = apache.get("shop.test", "/x?wsgi.url_scheme")
    assert answer.status == 308
    target = f"https://shop.test:{apache.https_port}/x?wsgi.url_scheme"
    assert answer.header("Location") == target
    curl = ["curl", "-sS", "-i", "--noproxy", "*", "--cacert", str(root / "shop.crt")]
    curl += ["--resolve", f"shop.test:{apache.https_port}:127.0.0.1", target]
    text = subprocess.run(curl, check=True, capture_output=True, text=True).stdout
    assert text.endswith("|https"), text
    assert "max-age=600" in text
    type_commands(apache, said["Undo"])
    type_commands(apache, said["Module"].partition("#")[0])
    assert apache.snapshot() == before


def test_tls_that_lacks_a_file_is_taken_back(express: Express, apache: Distribution) -> None:
    before = apache.snapshot()
    words = ["--server-name", "shop.test", "--ssl-certificate-file", "/nonexistent.pem"]
    done = site(express, apache, "shop", "shop", *words)
    assert done.returncode != 0
    assert "Apache refuses the site" in done.stderr and "/nonexistent.pem" in done.stderr
    assert apache.snapshot() == before


def test_again(express: Express, apache: Distribution) -> None:
    """The same again changes nothing; other options change the site; a hand's change is kept."""
    add(express, apache, "shop")
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert "nothing was changed" in done.stderr
    assert apache.snapshot() == before
    said = add(express, apache, "shop", "--threads", "2")
    assert 'threads="2"' in apache.site_file("shop").read_text()
    assert "Undo" not in said
    with apache.site_file("shop").open("a") as file:
        file.write("# mine\n")
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert done.returncode == 2
    assert "has been changed by hand" in done.stderr
    assert apache.snapshot() == before


def test_what_apache_refuses_is_taken_back(express: Express, apache: Distribution) -> None:
    """A group of that name is there already; at the first site, and at the change of one."""
    apache.start()
    before = apache.snapshot()
    taken = apache.site_file("shop").with_name("zz.conf")
    if apache.kind == "debian":
        taken = apache.root / "sites-enabled" / "zz.conf"
    taken.write_text("<IfModule mod_pywsgi.c>\nWSGIDaemonProcess shop\n</IfModule>\n")
    with_it = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert done.returncode != 0
    assert "Apache refuses the site shop; all is as it was before." in done.stderr
    assert "shop" in done.stderr.partition("before.")[2]  # what Apache says
    assert apache.snapshot() == with_it
    assert apache.httpd("-t").returncode == 0
    taken.unlink()
    assert apache.snapshot() == before
    add(express, apache, "shop")
    apache.reload()
    good = apache.snapshot()
    done = site(
        express,
        apache,
        "shop",
        "shop",
        "--server-name",
        "shop.test",
        "--warmup",
        "/a",
        "--threads",
        "0",
    )
    assert done.returncode == 2
    assert apache.snapshot() == good
    assert apache.get("shop.test").text.startswith("shop|")


@pytest.mark.parametrize("apache", ["debian"], indirect=True)
def test_an_apache_that_has_never_run(express: Express, apache: Distribution) -> None:
    """Its run directory is made by apache2ctl, and so by us."""
    (apache.root / "run").rmdir()
    add(express, apache, "shop")
    apache.start()
    assert apache.get("shop.test").text.startswith("shop|")


def test_a_configuration_that_was_wrong_before(express: Express, apache: Distribution) -> None:
    apache.conf.write_text(apache.conf.read_text() + "NoSuchDirective\n")
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert done.returncode != 0
    assert "was wrong before" in done.stderr and "NoSuchDirective" in done.stderr
    assert apache.snapshot() == before


def test_files_of_others(express: Express, apache: Distribution) -> None:
    apache.site_file("shop").write_text("# the administrator's\n")
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert done.returncode == 2
    assert "did not write it" in done.stderr
    assert apache.snapshot() == before


def test_module_that_is_there(express: Express, apache: Distribution) -> None:
    """What a package or the administrator has set up is used, and not written over."""
    assert express.artifacts
    line = f"LoadModule wsgi_module {express.artifacts.module}\n"
    own = (
        "mods-available/pywsgi.load" if apache.kind == "debian" else "conf.modules.d/10-pywsgi.conf"
    )
    (apache.root / own).write_text(line)
    said = add(express, apache, "shop")
    assert (apache.root / own).read_text() == line
    assert not list(apache.modules.iterdir())
    assert ("Module" in said) == (apache.kind == "debian")  # enabled there
    apache.start()
    assert apache.get("shop.test").text.startswith("shop|")


def test_beside_mod_wsgi(express: Express, apache: Distribution) -> None:
    """One process cannot have both."""
    other = apache.modules / "mod_wsgi.so"
    source = apache.root / "run/mod_wsgi.c"
    source.write_text(
        '#include "httpd.h"\n#include "http_config.h"\n'
        "module AP_MODULE_DECLARE_DATA wsgi_module = { STANDARD20_MODULE_STUFF };\n"
    )
    apxs = shutil.which("apxs2") or shutil.which("apxs") or "/usr/bin/apxs"
    flags = [
        machine.output_of([apxs, "-q", name]).strip() for name in ("INCLUDEDIR", "EXTRA_INCLUDES")
    ]
    words = ["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", f"-I{flags[0]}", *flags[1].split()]
    subprocess.run([*words, "-o", str(other), str(source)], check=True)
    apache.conf.write_text(apache.conf.read_text() + f"LoadModule wsgi_module {other}\n")
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test")
    assert done.returncode != 0
    assert "loads mod_wsgi" in done.stderr
    assert apache.snapshot() == before


@pytest.mark.root
def test_users(express: Express, apache: Distribution) -> None:
    """The application runs as --user; both he and Apache's user have to be able to read it."""
    express.write(
        "shop/wsgi.py",
        "import getpass\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [getpass.getuser().encode()]\n",
    )
    add(express, apache, "shop", "--user", NOBODY)
    apache.start()
    assert apache.get("shop.test").text == NOBODY
    express.site.joinpath("blog").chmod(0o700)
    done = site(express, apache, "blog", "blog/wsgi.py", "--server-name", "blog.test")
    assert done.returncode != 0
    assert "The user www-data cannot" in done.stderr or "may not be entered" in done.stderr
    assert not apache.site_file("blog").exists()


@pytest.mark.root
def test_without_rights(express: Express, apache: Distribution) -> None:
    before = apache.snapshot()
    done = site(express, apache, "shop", "shop", "--server-name", "shop.test", user=NOBODY)
    assert done.returncode == 2
    assert "Cannot write" in done.stderr and "sudo" in done.stderr
    assert apache.snapshot() == before


def test_print(express: Express, apache: Distribution) -> None:
    """Writes nothing, and what it prints is what would be written."""
    before = apache.snapshot()
    words = ["shop", "--server-name", "shop.test", "--print"]
    done = site(express, apache, "shop", *words, user=NOBODY)
    assert done.returncode == 0, done.stderr
    assert apache.snapshot() == before
    add(express, apache, "shop")
    assert apache.site_file("shop").read_text() == done.stdout


def test_no_apache_of_a_known_kind(express: Express, root: Path) -> None:
    done = express.run("site", "a", "shop", "--server-name", "a.b", "--conf-directory", str(root))
    assert done.returncode == 2
    assert "no configuration of Debian's or Fedora's Apache" in done.stderr
