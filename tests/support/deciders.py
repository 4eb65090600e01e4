"""Scripts that decide: one script that returns what a test asks it for, and one server with it everywhere.

Each function of the script evaluates the header of its name (`X-Check-Password: True`), so that a test is a
table of expressions; without the header it knows one user, ann, with password "secret", in group "staff".
Every place is there twice: below /embedded the script runs in Apache, below /daemon by process-group=.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from support import raw, wait
from support.httpd import HttpdInstance, Settings

PLACES = ("embedded", "daemon")
OPTIONS = {"embedded": "", "daemon": "process-group=scripts"}

SCRIPT = '''
import hashlib, json, os, signal, sys, time, threading

SCRATCH = "@SCRATCH@"

class Loud:
    """An object that no function may return."""

def leave(name, value):
    with open(f"{SCRATCH}/{name}.new", "w") as file:
        json.dump(value, file, default=repr)
    os.rename(f"{SCRATCH}/{name}.new", f"{SCRATCH}/{name}")

def report(environ, *arguments):
    """Leaves all that a function was called with, and grants."""
    leave("report", {
        "environ": {key: repr(value) for key, value in environ.items()},
        "arguments": arguments,
        "types": {key: type(value).__name__ for key, value in environ.items()},
    })
    return True

def fail(*_):
    raise ValueError("the script fails on purpose")

def crash():
    os.kill(os.getpid(), signal.SIGKILL)

def decide(function, environ, arguments, default):
    expression = environ.get("HTTP_X_" + function.upper())
    if expression is None:
        return default()
    return eval(expression, {**globals(), "environ": environ, "arguments": arguments})

def check_password(environ, user, password):
    return decide("check_password", environ, (user, password),
                  lambda: password == "secret" if user == "ann" else None)

def get_realm_hash(environ, user, realm):
    def known():
        if user == "ann":
            return hashlib.md5(f"{user}:{realm}:secret".encode()).hexdigest()
    return decide("get_realm_hash", environ, (user, realm), known)

def groups_for_user(environ, user):
    return decide("groups_for_user", environ, (user,), lambda: {"ann": ["staff"]}.get(user, []))

def allow_access(environ, host):
    return decide("allow_access", environ, (host,), lambda: True)

def process_group(environ):
    return decide("process_group", environ, (), lambda: None)

def application_group(environ):
    return decide("application_group", environ, (), lambda: None)

def callable_object(environ):
    return decide("callable_object", environ, (), lambda: None)
'''

# Shows what has become of the request; `other` is there for dispatch scripts to choose.
APPLICATION = """
import json

def respond(name, environ, start_response):
    environ["wsgi.input"].read()
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    shown["callable"] = name
    body = json.dumps(shown).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

def application(environ, start_response):
    return respond("application", environ, start_response)

def other(environ, start_response):
    return respond("other", environ, start_response)
"""

MODULES = (
    "auth_basic",
    "auth_digest",
    "authn_file",
    "authz_user",
    "socache_shmcb",
    "authn_socache",
)

BASIC = """
    AuthType Basic
    AuthName here
    AuthBasicProvider wsgi
    WSGIAuthUserScript @ROOT@/who.py {option}
"""
GROUPS = BASIC + "    WSGIAuthGroupScript @ROOT@/who.py {option}\n"

# What stands in <Location /PLACE/NAME>.
LOCATIONS = {
    "open": "",
    "basic": BASIC + "    Require valid-user\n",
    "authorization": BASIC + "    Require valid-user\n    WSGIPassAuthorization On\n",
    "fallback": BASIC.replace("Provider wsgi", "Provider wsgi file")
    + "    AuthUserFile @ROOT@/passwords\n    Require valid-user\n",
    "cached": BASIC.replace("Provider wsgi", "Provider socache wsgi")
    + "    AuthnCacheProvideFor wsgi\n    Require valid-user\n",
    "alias": BASIC.replace("Provider wsgi", "Provider {place}-alias").replace(
        "WSGIAuthUserScript @ROOT@/who.py {option}", ""
    )
    + "    Require valid-user\n",
    "digest": """
    AuthType Digest
    AuthName here
    AuthDigestProvider wsgi
    WSGIAuthUserScript @ROOT@/who.py {option}
    Require valid-user
""",
    "user": BASIC + "    Require user ann\n",
    "staff": GROUPS + '    Require wsgi-group other staff "two words"\n',
    "forbidden": GROUPS + "    Require wsgi-group staff\n    AuthzSendForbiddenOnFailure On\n",
    "either": GROUPS
    + "    <RequireAny>\n    Require wsgi-group staff\n    Require user bob\n    </RequireAny>\n",
    "both": GROUPS
    + "    <RequireAll>\n    Require wsgi-group staff\n    Require wsgi-group night\n    </RequireAll>\n",
    "not-banned": GROUPS
    + "    <RequireAll>\n    Require valid-user\n    Require not wsgi-group banned\n    </RequireAll>\n",
    "none-banned": GROUPS
    + "    <RequireAll>\n    Require valid-user\n    <RequireNone>\n    Require wsgi-group banned\n"
    "    </RequireNone>\n    </RequireAll>\n",
    "group-alias": GROUPS + "    Require staff-alias\n",
    "no-user-script": BASIC.replace("WSGIAuthUserScript @ROOT@/who.py {option}", "")
    + "    Require valid-user\n",
    "no-group-script": BASIC + "    Require wsgi-group staff\n",
    "access": "    WSGIAccessScript @ROOT@/who.py {option}\n",
    "dispatch": """
    WSGIDispatchScript @ROOT@/who.py {option}
    SetEnv set.env yes
    SetEnv chosen web
    SetEnv named other
""",
    "broken-user": BASIC.replace("who.py", "broken.py") + "    Require valid-user\n",
    "broken-groups": BASIC
    + "    WSGIAuthGroupScript @ROOT@/broken.py {option}\n    Require wsgi-group staff\n",
    "broken-access": "    WSGIAccessScript @ROOT@/broken.py {option}\n",
    "broken-dispatch": "    WSGIDispatchScript @ROOT@/broken.py {option}\n",
    "missing-user": BASIC.replace("who.py", "missing.py") + "    Require valid-user\n",
    "missing-groups": BASIC
    + "    WSGIAuthGroupScript @ROOT@/missing.py {option}\n    Require wsgi-group staff\n",
    "missing-access": "    WSGIAccessScript @ROOT@/missing.py {option}\n",
    "missing-dispatch": "    WSGIDispatchScript @ROOT@/missing.py {option}\n",
    "empty-user": BASIC.replace("who.py", "empty.py") + "    Require valid-user\n",
    "empty-groups": BASIC
    + "    WSGIAuthGroupScript @ROOT@/empty.py {option}\n    Require wsgi-group staff\n",
    "empty-access": "    WSGIAccessScript @ROOT@/empty.py {option}\n",
    "empty-dispatch": "    WSGIDispatchScript @ROOT@/empty.py {option}\n",
}

FILES = {
    "who.py": SCRIPT,
    "app.py": APPLICATION,
    "broken.py": "this is no Python\n",
    "empty.py": "",
    "passwords": "carol:{SHA}" + "5en6G6MezRroT3XKqkdPOmY/BfQ=" + "\n",  # "secret"
}


def configuration() -> str:
    """The whole of the shared server's."""
    lines = [
        "WSGIDaemonProcess scripts threads=3",
        "WSGIDaemonProcess web threads=3",
        "WSGIScriptAlias / @ROOT@/app.py",
        "WSGIProcessGroup %{GLOBAL}",
        "WSGIApplicationGroup %{GLOBAL}",
        "<AuthzProviderAlias wsgi-group staff-alias staff>\n</AuthzProviderAlias>",
        "AuthnCacheSOCache shmcb:@ROOT@/run/cache",
    ]
    for place in PLACES:
        option = OPTIONS[place]
        lines.append(
            f"<AuthnProviderAlias wsgi {place}-alias>\n"
            f"    WSGIAuthUserScript @ROOT@/who.py {option}\n</AuthnProviderAlias>"
        )
        for name, text in LOCATIONS.items():
            inner = text.replace("{option}", option).replace("{place}", place)
            lines.append(f"<Location /{place}/{name}>\n{inner}</Location>")
    return "\n".join(lines) + "\n"


def settings(**more: Any) -> Settings:
    return Settings(modules=MODULES, extra=configuration(), files=FILES, **more)


def basic(user: str, password: str = "secret") -> tuple[str, str]:
    """The header of a user."""
    token = base64.b64encode(f"{user}:{password}".encode("latin-1")).decode("ascii")
    return "Authorization", f"Basic {token}"


def header(function: str, expression: str) -> tuple[str, str]:
    """The header that makes a function of the script return something."""
    return "X-" + function.replace("_", "-"), expression


def shown(response: raw.Response) -> dict[str, str]:
    """What the application behind it saw."""
    assert response.status == 200, response.body
    seen: dict[str, str] = json.loads(response.body)
    return seen


def report(server: HttpdInstance, name: str = "report") -> Any:
    """What `report()` or `leave()` in the script left."""
    path: Path = server.scratch / name
    wait.until(path.exists, f"the script to leave {name!r}")
    value = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return value


def claim_reason(server: HttpdInstance, code: str, ending: str = "") -> None:
    """Takes one of our records, and the traceback below it, off the list of surprises."""
    server.log.claim(code)
    if ending:
        server.log.claim_traceback(ending)
