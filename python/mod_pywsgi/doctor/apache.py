"""Apache, its modules, ours, and the configuration that it would get."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mod_pywsgi import launch
from mod_pywsgi import options as opt
from mod_pywsgi.doctor.model import Finding, Subject, failure, hint, ok
from mod_pywsgi.errors import PywsgiError
from mod_pywsgi.httpd import probe
from mod_pywsgi.httpd.modules import FEATURES, LoadModule, select
from mod_pywsgi.render import quote

# Packages of what distributions do not install with Apache: Debian, Fedora, Alpine.
_PACKAGES = {
    "brotli": ("apache2-bin", "mod_brotli", "apache2-brotli"),
    "http2": ("apache2-bin", "mod_http2", "apache2-http2"),
    "md": ("libapache2-mod-md", "mod_md", "apache2-mod-md"),
    "ssl": ("apache2-bin", "mod_ssl", "apache2-ssl"),
}


def program(subject: Subject) -> Iterator[Finding]:
    facts = subject.apache
    version = ".".join(map(str, facts.version))
    yield ok(f"{version}, {facts.program}, with {', '.join(facts.mpms)}")


def modules(subject: Subject) -> Iterator[Finding]:
    """Those that some feature needs: what is missing matters where an option is for it."""
    facts = subject.apache
    there = facts.built_in | facts.available
    missing: dict[str, list[str]] = {}
    for feature, members in FEATURES:
        for member in members:
            if not member.endswith("?") and member not in there:
                missing.setdefault(member, []).append(feature)
    yield ok(f"{len(facts.available)} in {facts.modules_directory}")
    for name, features in missing.items():
        text = f"mod_{name} is not installed, which is for: {', '.join(features)}"
        make = failure if "always" in features else hint
        yield make(text, _install(name))


def _install(name: str) -> str:
    debian, fedora, alpine = _PACKAGES.get(name, ("apache2-bin", "httpd-core", "apache2"))
    return (
        f"Debian and Ubuntu: apt-get install {debian}\n"
        f"Fedora and RHEL:   dnf install {fedora}\n"
        f"Alpine:            apk add {alpine}"
    )


def module(subject: Subject) -> Iterator[Finding]:
    """Have Apache load it, with nothing else around."""
    file = subject.compiled_parts.module
    facts = subject.apache
    loaded = [*select(facts, facts.mpms[0], ()), LoadModule("wsgi_module", file)]
    with tempfile.TemporaryDirectory(prefix="mod_pywsgi-") as directory:
        lines = [f"ServerRoot {quote(directory)}", "ServerName localhost", "ErrorLog error_log"]
        lines += [f"LoadModule {each.symbol} {quote(each.path)}" for each in loaded]
        conf = Path(directory, "httpd.conf")
        conf.write_text("\n".join([*lines, ""]))
        complaint = probe.configuration_errors(facts.program, "-t", "-f", conf)
    if complaint:
        remedy = f"Install mod_pywsgi again on this machine. Apache says:\n{complaint}"
        yield failure(f"Apache cannot load {file}", remedy)
    else:
        yield ok(f"Apache loads {file}")


def configuration(subject: Subject) -> Iterator[Finding]:
    """Have Apache read the whole of it, in a place of its own."""
    with tempfile.TemporaryDirectory(prefix="mod_pywsgi-") as directory:
        moved = subject.settings.adding(opt.SERVER_ROOT, [(f"{directory}/root",)], "doctor")
        plan = subject.make_plan(moved)
        try:
            launch.write(plan)
        except PywsgiError as error:
            name = str(plan.paths.conf)
            said = error.message.replace(name, "the configuration for this application")
            yield failure(said, error.hint)
            return
    yield ok("Apache accepts what would be generated")
