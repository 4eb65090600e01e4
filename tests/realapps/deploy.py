"""How each application is served: by a hand-written configuration, in both modes, and by express."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from support import machine
from support.errorlog import FORMAT, ErrorLog
from support.express import Express
from support.httpd import Settings, Surroundings
from support.servers import Servers
from support.venvs import Cache, Venv

SITES = Path(__file__).parent / "sites"
ADMIN = ("admin", "correct horse battery staple")
UPLOAD_LIMIT = 64 << 20

# By hand. /alive is what the checks after each test look at.
COMMON = """
LoadModule wsgi_module @VENV@/libexec/mod_pywsgi/mod_pywsgi.so
Alias /alive @ROOT@/htdocs/alive
WSGIPassAuthorization On
WSGIApplicationGroup %{GLOBAL}
WSGICallableObject @CALLABLE@
WSGIScriptAlias / @SITE@/@SCRIPT@
"""
DAEMON = """
WSGIDaemonProcess @NAME@ processes=2 threads=5 python-home=@VENV@ python-path=@SITE@
WSGIProcessGroup @NAME@
"""
EMBEDDED = """
WSGIPythonHome @VENV@
WSGIPythonPath @SITE@
WSGIProcessGroup %{GLOBAL}
"""
MODES = {"daemon": DAEMON, "embedded": EMBEDDED}
LOG_FORMAT = f'ErrorLogFormat "{FORMAT}"\n'


@dataclass(frozen=True)
class Recipe:
    """One application: where its files are, and what it needs besides."""

    site: str
    script: str
    callable: str = "application"
    conf: str = ""
    express: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()


RECIPES = {
    "django": Recipe(
        site="django_site",
        script="project/wsgi.py",
        conf=f"Alias /static/ @SITE@/static/\nAddType text/css .css\nLimitRequestBody {UPLOAD_LIMIT}\n",
        express=(
            ".",
            "--url-alias",
            "/static",
            "static",
            "--limit-request-body",
            str(UPLOAD_LIMIT),
        ),
        writable=("data",),
    ),
    "flask": Recipe(site="flask_app", script="app.py", callable="app", express=("app.py",)),
    "package_index": Recipe(
        site="package_index", script="wsgi.py", express=("wsgi.py",), writable=("packages",)
    ),
}


@dataclass(frozen=True)
class Deployed:
    """An application that is being served."""

    base: str
    folder: Path
    log: ErrorLog

    def url(self, path: str) -> str:
        return self.base + path

    @staticmethod
    def browser() -> requests.Session:
        """Keeps cookies and connections; asks no proxy."""
        session = requests.Session()
        session.trust_env = False
        return session


class Deployer:
    """Starts applications on first use, and stops them at the end of the run."""

    def __init__(
        self, cache: Cache, around: Surroundings, servers: Servers, venv_of: Callable[..., Venv]
    ) -> None:
        self.cache = cache
        self.around = around
        self.servers = servers
        self.venv_of = venv_of
        self._express: dict[str, tuple[Express, ErrorLog]] = {}
        self._used: set[str] = set()

    def deploy(self, name: str, way: str) -> Deployed:
        return self._by_express(name) if way == "express" else self._by_hand(name, way)

    def install(self, name: str, target: Path) -> Path:
        """The application's files; what it writes to belongs to the web user."""
        recipe = RECIPES[name]
        source = self._django(self.venv_of(name)) if name == "django" else SITES / recipe.site
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        for path in recipe.writable:
            (target / path).mkdir(exist_ok=True)
            self.give_away(target / path)
        return target

    def give_away(self, folder: Path) -> None:
        if self.around.facts.user:
            for path in [folder, *folder.rglob("*")]:
                shutil.chown(path, self.around.facts.user, self.around.facts.group)

    def _by_hand(self, name: str, mode: str) -> Deployed:
        settings = Settings(
            mpm=self.servers.mpm,
            extra=self.configuration(name, mode),
            load=False,
            prepare=lambda server: self.install(name, server.root / "site"),
        )
        server = self.servers.kept(f"{name}/{mode}", settings, "/")
        return Deployed(server.url(""), server.root / "site", server.log)

    def configuration(self, name: str, mode: str) -> str:
        text = COMMON + RECIPES[name].conf + MODES[mode]
        tokens = {
            "SITE": "@ROOT@/site",
            "SCRIPT": RECIPES[name].script,
            "CALLABLE": RECIPES[name].callable,
            "VENV": str(self.venv_of(name).root),
            "NAME": name,
        }
        for token, value in tokens.items():
            text = text.replace(f"@{token}@", value)
        return text

    def _by_express(self, name: str) -> Deployed:
        if name not in self._express:
            home = machine.make_root("pywsgi-real-")
            site = self.install(name, home / "site")
            (home / "log.conf").write_text(LOG_FORMAT)
            server = Express(site, None, [str(self.venv_of(name).express)])
            log = ErrorLog(server.root / "error_log")
            self._express[name] = server, log
            server.start(*RECIPES[name].express, "--include-file", str(home / "log.conf"))
        server, log = self._express[name]
        if name not in self._used:
            log.mark()
            self._used.add(name)
        return Deployed(f"http://127.0.0.1:{server.port}", server.site, log)

    def _django(self, venv: Venv) -> Path:
        """The Django project, migrated and with its administrator: kept, for this takes seconds."""
        source = SITES / RECIPES["django"].site
        key = hashlib.sha256(b"".join(_contents(source)) + venv.root.name.encode()).hexdigest()[:12]
        target = self.cache.folder / f"django-site-{key}"
        with self.cache.locked():
            if not target.exists():
                for old in self.cache.folder.glob("django-site-*"):
                    shutil.rmtree(old)
                unfinished = self.cache.folder / "django-site.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                shutil.copytree(source, unfinished)
                (unfinished / "data").mkdir()
                _manage(venv, unfinished, "migrate")
                _manage(venv, unfinished, "collectstatic")
                _manage(venv, unfinished, "createsuperuser", "--email=admin@example.org")
                unfinished.rename(target)
        return target

    def end_test(self) -> list[str]:
        """What the servers that express runs have logged and nobody claimed."""
        problems = []
        for name in self._used:
            server, log = self._express[name]
            problems += [f"{name} by express: {line.raw}" for line in log.surprises()]
            if not server.daemons():
                problems.append(f"{name} by express: no daemon is left\n{server.story()}")
        self._used.clear()
        return problems

    def close(self) -> None:
        for server, _ in self._express.values():
            server.stop()
            if not self.around.keep:
                machine.remove_tree(server.site.parent)


def _contents(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(folder)).encode()
            yield path.read_bytes()


def _manage(venv: Venv, site: Path, command: str, *words: str) -> None:
    name, password = ADMIN
    env = {
        **os.environ,
        "DJANGO_SUPERUSER_USERNAME": name,
        "DJANGO_SUPERUSER_PASSWORD": password,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    venv.run("manage.py", command, "--noinput", *words, cwd=site, env=env)
