"""Which features of Apache are needed: httpd.modules knows the modules of each."""

from mod_pywsgi import options as opt
from mod_pywsgi.options import access, environment, metrics, proxy, transfer
from mod_pywsgi.options import listen as _options
from mod_pywsgi.options import static as files
from mod_pywsgi.plan.documentation import Documentation
from mod_pywsgi.plan.facts import Facts
from mod_pywsgi.plan.listen import Listen
from mod_pywsgi.plan.proxy import needs_tls
from mod_pywsgi.plan.static import Static
from mod_pywsgi.plan.tls import Tls
from mod_pywsgi.settings import Settings


def needed(
    settings: Settings,
    facts: Facts,
    listen: Listen,
    tls: Tls | None,
    static: Static,
    documentation: Documentation | None,
    mpm: str,
) -> list[str]:
    """The features by name."""
    wanted: dict[str, object] = {
        "access_log": settings[opt.ACCESS_LOG],
        "docs": documentation,
        "compression": settings[transfer.COMPRESS_RESPONSES],
        "setenv": bool(settings[opt.SETENV]) or bool(settings[environment.PASSENV]),
        "status": settings[metrics.SERVER_STATUS],
        **_files(settings, facts, static, mpm),
        **_connections(settings, listen, tls),
        **_guards(settings),
    }
    return [feature for feature, value in wanted.items() if value]


def _files(settings: Settings, facts: Facts, static: Static, mpm: str) -> dict[str, object]:
    has_any_rules = static.all_documents or static.rules
    return {
        "static_site": facts.target.kind == "static",
        "static": settings[opt.URL_ALIAS],
        "document_root": settings[opt.DOCUMENT_ROOT] or has_any_rules,
        "directories": static.directories_win,
        "listing": static.listing,
        "cgi": static.cgi and mpm == "prefork",
        "cgid": static.cgi and mpm != "prefork",
        "types": settings[files.MIME_TYPES],
        "override": static.allow_override,
        # As with an included file: rules may be about anything.
        "include": settings[opt.INCLUDE_FILE] or has_any_rules or static.allow_override,
    }


def _connections(settings: Settings, listen: Listen, tls: Tls | None) -> dict[str, object]:
    return {
        "redirect": listen.redirect_from or (tls and tls.only),
        "local": settings[_options.ALLOW_LOCALHOST],
        "proxy": settings[proxy.PROXY_MOUNT_POINT] or settings[proxy.PROXY_VIRTUAL_HOST],
        "proxy_tls": needs_tls(settings),
        "http2": settings[_options.HTTP2],
        "tls": tls,
        "acme": tls and tls.acme,
        "headers": settings[_options.SECURITY_HEADERS] or (tls and tls.hsts),
    }


def _guards(settings: Settings) -> dict[str, object]:
    auth_type = settings[access.AUTH_USER_SCRIPT] and settings[access.AUTH_TYPE]
    return {
        "auth": auth_type,
        "auth_basic": auth_type == "Basic",
        "auth_digest": auth_type == "Digest",
    }
