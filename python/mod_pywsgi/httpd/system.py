"""The Apache that the distribution has set up: where its configuration is, and how that is changed."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi.errors import ConfigError, HttpdError
from mod_pywsgi.httpd import probe

_SYSTEMD = "/run/systemd/system"
_ADMIN_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
# As apache2ctl does it: where Apache has never been started, the directory is not there.
_RUN = '[ -z "${APACHE_RUN_DIR:-}" ] || mkdir -p "$APACHE_RUN_DIR" 2>/dev/null; exec "$@"'


@dataclass(frozen=True)
class Layout:
    """How a distribution lays out its configuration. Paths are below its folder.

    :param marker: a folder that only this layout has.
    :param site: the file of a site, for its name; likewise the file that loads the module.
    :param enabled: what there is once the site is enabled, None where its file is enough;
        likewise the folder of what there is for modules.
    :param switch: programs that enable and disable a site, then a module; none likewise.
    :param reload: under systemd, and without.
    """

    system: str
    folder: str
    marker: str
    conf: str
    envvars: str | None
    site: str
    enabled: str | None
    module: str
    modules_enabled: str | None
    switch: tuple[str, str, str, str] | None
    logs: str
    reload: tuple[str, str]


LAYOUTS = (
    Layout(
        system="Debian",
        folder="/etc/apache2",
        marker="sites-available",
        conf="apache2.conf",
        envvars="envvars",
        site="sites-available/{}.conf",
        enabled="sites-enabled/{}.conf",
        module="mods-available/pywsgi.load",
        modules_enabled="mods-enabled",
        switch=("a2ensite", "a2dissite", "a2enmod", "a2dismod"),
        logs="/var/log/apache2",
        reload=("systemctl reload apache2", "apache2ctl graceful"),
    ),
    Layout(
        system="Fedora",
        folder="/etc/httpd",
        marker="conf.modules.d",
        conf="conf/httpd.conf",
        envvars=None,
        site="conf.d/{}.conf",
        enabled=None,
        module="conf.modules.d/10-pywsgi.conf",
        modules_enabled=None,
        switch=None,
        logs="logs",
        reload=("systemctl reload httpd", "apachectl graceful"),
    ),
)


@dataclass(frozen=True)
class SystemHttpd:
    """One such Apache."""

    layout: Layout
    folder: Path
    program: Path
    modules_directory: Path

    @property
    def logs(self) -> Path:
        """The directory of its logs."""
        given = self._shell('printf %s "${APACHE_LOG_DIR:-}"').stdout if self.layout.envvars else ""
        return Path(given) if given.startswith("/") else self.folder / self.layout.logs

    @property
    def reload(self) -> str:
        """What to type so that it reads its configuration again and ends no request."""
        managed, alone = self.layout.reload
        return managed if os.path.isdir(_SYSTEMD) else alone

    def site_file(self, name: str) -> Path:
        return self.folder / self.layout.site.format(name)

    @property
    def module_file(self) -> Path:
        return self.folder / self.layout.module

    def enabled_modules(self) -> frozenset[str]:
        """Those that were switched on; empty where there is no such thing."""
        if self.layout.modules_enabled is None:
            return frozenset()
        folder = self.folder / self.layout.modules_enabled
        return frozenset(path.stem for path in folder.glob("*.load"))

    def complaint(self) -> str:
        """What it does not like about its configuration, all of it; empty if it will start."""
        answer = self._httpd("-t")
        return "" if answer.returncode == 0 else answer.stdout.strip()

    def modules(self) -> frozenset[str]:
        """Names of what it loads, without "mod_", as it is configured now.

        :raises HttpdError: the configuration is wrong.
        """
        answer = self._httpd("-t", "-D", "DUMP_MODULES")
        if answer.returncode != 0:
            raise HttpdError(f"{self.program} cannot list its modules.", answer.stdout.strip())
        return frozenset(re.findall(r"^ (\w+)_module \(", answer.stdout, re.MULTILINE))

    def has_pywsgi(self) -> bool:
        """Whether the module called "wsgi" is this one."""
        words = ("<IfModule !mod_pywsgi.c>", "Error missing", "</IfModule>")
        return self._httpd("-t", *(part for word in words for part in ("-c", word))).returncode == 0

    def switch(self, *words: str) -> None:
        """Run one of the programs that enable and disable.

        :raises HttpdError: it is not there, or could not do it.
        """
        program = shutil.which(words[0], path=f"{os.environ.get('PATH', '')}:{_ADMIN_PATH}")
        if program is None:
            raise HttpdError(f"{words[0]} is not installed.", "Install it: apt-get install apache2")
        answer = probe.run(program, *words[1:], environment=self._environment)
        if answer.returncode != 0:
            raise HttpdError(f"{' '.join(words)} failed.", answer.stdout.strip())

    @property
    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "APACHE_CONFDIR": str(self.folder)}

    def _httpd(self, *words: str) -> subprocess.CompletedProcess[str]:
        conf = self.folder / self.layout.conf
        command = [str(self.program), "-d", str(self.folder), "-f", str(conf), *words]
        if self.layout.envvars is None:
            return probe.run(*command)
        return self._shell(_RUN, *command)

    def _shell(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script with the variables that this Apache is started with."""
        envvars = self.folder / (self.layout.envvars or "")
        prelude = f'[ ! -r "$0" ] || . "$0"; {script}'
        return probe.run("/bin/sh", "-c", prelude, envvars, *words, environment=self._environment)


def find(
    program: Path, folder: Path | None, modules: Path, env: Mapping[str, str] = os.environ
) -> SystemHttpd:
    """The Apache of this system.

    :param folder: that of its configuration, if the user named one; else $APACHE_CONFDIR, else the usual.
    :param modules: where it has its modules.
    :raises ConfigError: its layout is not known.
    """
    if folder is None and env.get("APACHE_CONFDIR"):
        folder = Path(env["APACHE_CONFDIR"])
    for layout in LAYOUTS:
        place = folder or Path(layout.folder)
        if (place / layout.marker).is_dir():
            return SystemHttpd(layout, place.absolute(), program, modules)
    looked = f"in {folder}" if folder else " or ".join(f"in {row.folder}" for row in LAYOUTS)
    raise ConfigError(
        f"There is no configuration of Debian's or Fedora's Apache {looked}.",
        "Install Apache (Debian: apt-get install apache2, Fedora: dnf install httpd), or use --print"
        " and put the text where your Apache reads it.",
    )
