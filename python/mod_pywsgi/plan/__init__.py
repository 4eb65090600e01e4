"""From what the user wants and what there is to what will be done. Pure: no I/O at all.

Everything that is derived or cross-checked is derived and checked here, an area a module; the
templates only lay it out.
"""

from dataclasses import dataclass
from pathlib import Path

from mod_pywsgi import options as opt
from mod_pywsgi.artifacts import Artifacts, PythonFacts
from mod_pywsgi.httpd.facts import HttpdFacts
from mod_pywsgi.httpd.modules import LoadModule, select
from mod_pywsgi.identity import Identity
from mod_pywsgi.options import environment
from mod_pywsgi.plan import access as _access
from mod_pywsgi.plan import application as _application
from mod_pywsgi.plan import documentation as _documentation
from mod_pywsgi.plan import features, headers, hosts, remarks, sizing, welcome
from mod_pywsgi.plan import interpreter as _interpreter
from mod_pywsgi.plan import limits as _limits
from mod_pywsgi.plan import listen as _listen
from mod_pywsgi.plan import logs as _logs
from mod_pywsgi.plan import paths as _paths
from mod_pywsgi.plan import proxy as _proxy
from mod_pywsgi.plan import script as _script
from mod_pywsgi.plan import services as _services
from mod_pywsgi.plan import static as _static
from mod_pywsgi.plan import telemetry as _telemetry
from mod_pywsgi.plan import tls as _tls
from mod_pywsgi.plan import tools as _tools
from mod_pywsgi.plan import transfer as _transfer
from mod_pywsgi.plan.access import Access
from mod_pywsgi.plan.application import Application, Handler
from mod_pywsgi.plan.documentation import Documentation
from mod_pywsgi.plan.facts import Facts, Machine
from mod_pywsgi.plan.hosts import Site
from mod_pywsgi.plan.interpreter import Interpreter
from mod_pywsgi.plan.limits import Limits
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.plan.logs import Logs
from mod_pywsgi.plan.paths import Paths, default_root, root_of
from mod_pywsgi.plan.proxy import Proxy
from mod_pywsgi.plan.script import Script
from mod_pywsgi.plan.services import Service
from mod_pywsgi.plan.sizing import Mpm
from mod_pywsgi.plan.static import Alias, Static
from mod_pywsgi.plan.telemetry import Telemetry
from mod_pywsgi.plan.tls import Acme, Certificate, Tls
from mod_pywsgi.plan.tools import Tools
from mod_pywsgi.plan.transfer import Transfer
from mod_pywsgi.settings import Settings

__all__ = [
    "Access",
    "Acme",
    "Alias",
    "Application",
    "Certificate",
    "Documentation",
    "Facts",
    "Handler",
    "Limits",
    "Listen",
    "Logs",
    "Machine",
    "Mpm",
    "Paths",
    "Plan",
    "Proxy",
    "Service",
    "Site",
    "Static",
    "Tls",
    "Tools",
    "Transfer",
    "default_root",
    "make",
    "root_of",
]


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    paths: Paths
    httpd: HttpdFacts
    artifacts: Artifacts
    python: PythonFacts
    identity: Identity
    listen: Listen
    tls: Tls | None
    sites: tuple[Site, ...]
    headers: tuple[tuple[str, str], ...]
    mpm: Mpm
    modules: tuple[LoadModule, ...]
    application: Application
    services: tuple[Service, ...]
    static: Static
    proxy: Proxy
    access: Access
    transfer: Transfer
    setenv: tuple[tuple[str, str], ...]
    include_files: tuple[Path, ...]
    logs: Logs
    limits: Limits
    locale: str
    health_endpoints: bool
    documentation: Documentation | None
    interpreter: Interpreter
    telemetry: Telemetry
    script: Script
    passenv: tuple[str, ...]
    debug: bool
    tools: Tools
    remarks: tuple[str, ...]

    @property
    def own_urls(self) -> tuple[str, ...]:
        """URLs that the server answers itself, whoever answers for all others."""
        health = ("/-/health", "/-/ready") if self.health_endpoints else ()
        status = (_telemetry.STATUS_URL,) if self.telemetry.status_url else ()
        return (*health, *status)

    @property
    def proxy_rules(self) -> tuple[tuple[str, str | None], ...]:
        """URLs that other servers answer for, and where; None for those below that are not passed
        on. The longer ones first: Apache takes the first that matches."""
        rules: list[tuple[str, str | None]] = [(url, None) for url in self.own_urls]
        rules += [(alias.url, None) for alias in self.static.aliases]
        if self.documentation:
            rules += [(self.documentation.docs_url, None), (self.documentation.images_url, None)]
        if self.application.mount != "/" and not self.application.is_static:
            rules.append((self.application.mount, None))
        rules += [(mount.prefix, f"{mount.target}/") for mount in self.proxy.mounts]
        return tuple(sorted(rules, key=lambda rule: rule[0], reverse=True))

    def has_module(self, name: str) -> bool:
        """Whether Apache has a module, "mime" for example, built in or loaded."""
        loaded = any(module.symbol == f"{name}_module" for module in self.modules)
        return loaded or name in self.httpd.built_in


def make(settings: Settings, facts: Facts, is_directory: frozenset[Path] = frozenset()) -> Plan:
    """Decide everything.

    :param is_directory: which of the paths that the settings name are directories.
    :raises ConfigError: options contradict each other.
    :raises HttpdError: an Apache module that is needed is not installed.
    """
    settings = _tools.with_implied(settings)
    listen = _listen.decide(settings)
    paths = _paths.decide(settings, facts)
    proxy = _proxy.decide(settings, facts, listen)
    proxied = tuple(mount.url for mount in proxy.mounts)
    static = _static.decide(settings, facts, paths, is_directory, proxied)
    tls = _tls.decide(settings, paths, listen)
    tools = _tools.decide(settings, facts, paths)
    interpreter = _interpreter.decide(settings, facts, paths)
    logs = _logs.decide(settings, facts, paths)
    documentation = _documentation.decide(settings, facts, listen)
    page = welcome.page(settings, facts, logs, documentation)
    application = _application.decide(
        settings, facts, paths, listen, interpreter, tools, page, static.all_documents
    )
    mpm = sizing.decide(settings, facts.httpd.mpms, application)
    wanted = features.needed(settings, facts, listen, tls, static, documentation, mpm.name)
    return Plan(
        paths=paths,
        httpd=facts.httpd,
        artifacts=facts.artifacts,
        python=facts.python,
        identity=facts.identity,
        listen=listen,
        tls=tls,
        sites=hosts.decide(settings, listen, tls, proxy.hosts),
        headers=headers.decide(settings),
        mpm=mpm,
        modules=select(facts.httpd, mpm.name, wanted),
        application=application,
        services=_services.decide(settings, facts, paths, logs),
        static=static,
        proxy=proxy,
        access=_access.decide(settings, listen, application),
        transfer=_transfer.decide(settings, facts.httpd),
        setenv=settings[opt.SETENV],
        include_files=settings[opt.INCLUDE_FILE],
        logs=logs,
        limits=_limits.decide(settings),
        health_endpoints=settings[opt.HEALTH_ENDPOINTS],
        locale=settings[environment.LOCALE] or facts.machine.locale,
        interpreter=interpreter,
        telemetry=_telemetry.decide(settings, paths, listen),
        script=_script.decide(settings, facts, paths, listen, application),
        passenv=settings[environment.PASSENV],
        documentation=documentation,
        debug=settings[opt.DEBUG_MODE],
        tools=tools,
        remarks=remarks.decide(settings, facts),
    )
