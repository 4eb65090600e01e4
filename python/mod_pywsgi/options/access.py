"""Who may come in: scripts that decide."""

from mod_pywsgi.options.model import maybe, one
from mod_pywsgi.types import FILE, REQUIRED_TEXT, word_of

_SECTION = "Access"

HOST_ACCESS_SCRIPT = maybe(
    "host-access-script",
    FILE,
    "Script whose `allow_access(environ, host)` says which clients may come in"
    " ([access.md](access.md)).",
    section=_SECTION,
)
AUTH_USER_SCRIPT = maybe(
    "auth-user-script",
    FILE,
    "Script whose `check_password(environ, user, password)` knows the users; nobody else may"
    " come in. With `--auth-type Digest` it is `get_realm_hash(environ, user, realm)`.",
    section=_SECTION,
)
AUTH_TYPE = one(
    "auth-type",
    word_of("Basic|Digest", ("Basic", "Digest")),
    "Basic",
    "How passwords are sent. Basic sends them as they are: use TLS.",
    section=_SECTION,
)
AUTH_GROUP_SCRIPT = maybe(
    "auth-group-script",
    FILE,
    "Script whose `groups_for_user(environ, user)` knows the groups of a user; only users of"
    " `--auth-group` may come in.",
    section=_SECTION,
)
AUTH_GROUP = one(
    "auth-group",
    REQUIRED_TEXT,
    "wsgi",
    "The group that may come in, with `--auth-group-script`.",
    section=_SECTION,
)

OPTIONS = (HOST_ACCESS_SCRIPT, AUTH_USER_SCRIPT, AUTH_TYPE, AUTH_GROUP_SCRIPT, AUTH_GROUP)
