"""WSGIAuthGroupScript: what groups_for_user returns, and what `Require wsgi-group` makes of it."""

from __future__ import annotations

import pytest

from support.deciders import (
    APPLICATION,
    MODULES,
    OPTIONS,
    SCRIPT,
    basic,
    header,
    report,
    shown,
)

# What groups_for_user returns -> may the user in?
GOOD = [
    ("['staff']", 200),
    ("('other',)", 200),
    ("{'staff': 1}", 200),
    ("{b'staff', 'x'}", 200),
    ("(name for name in ('x', 'staff'))", 200),
    ("iter([b'staff'])", 200),
    ("['two words']", 200),
    ("[]", 401),
    ("()", 401),
    ("['']", 401),
    ("['Staff', 'staff ', 'two', 'words', 'sta']", 401),
    ("['\\xe9'] * 8000", 401),
]

BAD = [
    ("'staff'", "not a single str"),
    ("b'staff'", "not a single bytes"),
    ("None", "not iterable"),
    ("True", "not iterable"),
    ("[1]", "type int"),
    ("['staff', None]", "type NoneType"),
    ("['staff', 'a\\nb']", "NUL or a line break"),
    ("['staff', 'a\\0b']", "NUL or a line break"),
    ("['staff', '\\u20ac']", "latin-1"),
    ("['staff'] * 8193", "more than the 8192 groups"),
    ("['staff'] + ['x' * 60000] * 10", "too much text"),
]

FAILURES = [
    ("fail()", "ValueError: the script fails on purpose"),
    ("sys.exit(0)", "SystemExit: 0"),
]


def ask(server, target, expression=None, user="ann"):
    """One request of a user whose groups are what the expression says."""
    more = [header("groups_for_user", expression)] if expression else []
    # Everybody knows the password; the groups are what counts.
    return server.get(target, [basic(user), header("check_password", "True"), *more])


@pytest.mark.parametrize(("expression", "status"), GOOD)
def test_what_groups_for_user_may_return(deciding, place, expression, status):
    response = ask(deciding, f"/{place}/staff", expression)
    assert response.status == status
    if status == 200:
        assert shown(response)["REMOTE_USER"] == "ann"
    else:
        deciding.log.claim("AH01631")


@pytest.mark.parametrize(("expression", "reason"), BAD)
def test_what_groups_for_user_may_not_return(deciding, place, expression, reason):
    assert ask(deciding, f"/{place}/staff", expression).status == 401
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback(reason)
    deciding.log.claim("AH01631")


@pytest.mark.parametrize(("expression", "reason"), FAILURES)
def test_groups_for_user_that_raises_denies(deciding, place, expression, reason):
    assert ask(deciding, f"/{place}/staff", expression).status == 401
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback(reason)
    deciding.log.claim("AH01631")


def test_groups_that_raise_in_the_middle_deny(deciding, place):
    expression = "(name if name else fail() for name in ('staff', ''))"
    assert ask(deciding, f"/{place}/staff", expression).status == 401
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback("ValueError: the script fails on purpose")
    deciding.log.claim("AH01631")


@pytest.mark.parametrize("name", ["broken", "missing", "empty"])
def test_a_script_that_cannot_be_asked_denies(deciding, place, name):
    deciding.log.allow("Traceback|^ |SyntaxError|PYW0104|PYW0105|PYW0141|AH01631")
    for _ in range(2):
        assert ask(deciding, f"/{place}/{name}-groups").status == 401


def test_require_without_a_script_lets_nobody_in(deciding, place):
    assert ask(deciding, f"/{place}/no-group-script").status == 500
    deciding.log.claim("PYW0211")
    deciding.log.allow("AH0")


def test_the_argument_is_the_user(deciding, place):
    ask(deciding, f"/{place}/staff", "report(environ, *arguments) and ['staff']", user="\xe9")
    assert report(deciding)["arguments"] == ["\xe9"]


def test_forbidden_instead_of_unauthorized(deciding, place):
    assert ask(deciding, f"/{place}/forbidden", "['staff']").status == 200
    assert ask(deciding, f"/{place}/forbidden", "[]").status == 403
    deciding.log.claim("AH01631")


@pytest.mark.parametrize(
    ("name", "user", "groups", "status"),
    [
        ("either", "ann", "['staff']", 200),
        ("either", "bob", "[]", 200),
        ("either", "bob", "fail()", 200),
        ("either", "ann", "[]", 401),
        ("either", "ann", "fail()", 401),
        ("both", "ann", "['staff', 'night']", 200),
        ("both", "ann", "['staff']", 401),
        ("both", "ann", "['night']", 401),
        ("not-banned", "ann", "[]", 200),
        ("not-banned", "ann", "['banned']", 401),
        ("none-banned", "ann", "[]", 200),
        ("none-banned", "ann", "['banned']", 401),
        ("group-alias", "ann", "['staff']", 200),
        ("group-alias", "ann", "['other']", 401),
        ("group-alias", "ann", "fail()", 500),
        # That somebody is no member is not known by a script that fails.
        ("not-banned", "ann", "fail()", 500),
        ("not-banned", "ann", "'banned'", 500),
        ("none-banned", "ann", "fail()", 500),
        ("none-banned", "ann", "None", 500),
    ],
)
def test_combinations(deciding, place, name, user, groups, status):
    deciding.log.allow("AH01631|PYW014[23]|Traceback|^ |ValueError|TypeError|AH0")
    assert ask(deciding, f"/{place}/{name}", groups, user).status == status


def test_nobody_is_in_no_group(deciding, place):
    assert deciding.get(f"/{place}/staff").status == 401


def test_htaccess(start, place):
    server = start(
        "WSGIDaemonProcess scripts\nWSGIScriptAlias /app @ROOT@/site/app.py\n"
        "<Directory @ROOT@/site>\nAllowOverride AuthConfig\n"
        f"WSGIAuthGroupScript @ROOT@/who.py {OPTIONS[place]}\n</Directory>\n",
        files={
            "site/app.py": APPLICATION,
            "who.py": SCRIPT,
            "site/.htaccess": "AuthType Basic\nAuthName here\nAuthBasicProvider wsgi\n"
            "WSGIAuthUserScript @ROOT@/who.py\n"
            "<RequireAll>\nRequire valid-user\nRequire not wsgi-group banned\n</RequireAll>\n",
        },
        modules=MODULES,
    )
    for groups, status in [("[]", 200), ("['banned']", 401), ("fail()", 500)]:
        assert ask(server, "/app", groups).status == status
    server.log.allow("AH01631|PYW0142|Traceback|^ |ValueError|AH0")
