"""WSGIAuthUserScript: what check_password and get_realm_hash return, and what comes of it."""

from __future__ import annotations

import pytest

from support import curl
from support.deciders import basic, header, report, shown

# What check_password returns -> status, REMOTE_USER.
GOOD = [
    ("True", 200, "ann"),
    ("False", 401, None),
    ("None", 401, None),
    ("'bob'", 200, "bob"),
    ("'\\xe9\\xff'", 200, "\xe9\xff"),
    ("type('Name', (str,), {})('bob')", 200, "bob"),
]

# ...and nobody is let in.
BAD = [
    ("''", "returned an empty text"),
    ("1", "not int"),
    ("0", "not int"),
    ("b'bob'", "not bytes"),
    ("[]", "not list"),
    ("Loud()", "not Loud"),
    ("'a\\nb'", "NUL or a line break"),
    ("'a\\rb'", "NUL or a line break"),
    ("'a\\0b'", "NUL or a line break"),
    ("'\\u20ac'", "latin-1"),
    ("'x' * 70000", "too much text"),
]

FAILURES = [
    ("fail()", "ValueError: the script fails on purpose"),
    ("sys.exit(0)", "SystemExit: 0"),
    ("no_such_name", "NameError"),
]


@pytest.mark.parametrize(("expression", "status", "user"), GOOD)
def test_what_check_password_may_return(deciding, place, expression, status, user):
    response = deciding.get(f"/{place}/basic", [basic("ann"), header("check_password", expression)])
    assert response.status == status
    if user is not None:
        assert shown(response)["REMOTE_USER"] == user
        assert shown(response)["AUTH_TYPE"] == "Basic"
    else:
        assert response.header("WWW-Authenticate") == 'Basic realm="here"'
    deciding.log.allow("AH01617|AH01618")


@pytest.mark.parametrize(("expression", "reason"), BAD)
def test_what_check_password_may_not_return(deciding, place, expression, reason):
    response = deciding.get(f"/{place}/basic", [basic("ann"), header("check_password", expression)])
    assert response.status == 500
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback(reason)


@pytest.mark.parametrize(("expression", "reason"), FAILURES)
def test_check_password_that_raises(deciding, place, expression, reason):
    response = deciding.get(f"/{place}/basic", [basic("ann"), header("check_password", expression)])
    assert response.status == 500
    deciding.log.claim("PYW0142")
    deciding.log.claim_traceback(reason)


@pytest.mark.parametrize(
    ("name", "code"),
    [("broken", "PYW0105"), ("missing", "PYW0104"), ("empty", "PYW0141")],
)
def test_a_script_that_cannot_be_asked_lets_nobody_in(deciding, place, name, code):
    deciding.log.allow("Traceback|^ |SyntaxError|PYW0104|PYW0105|PYW0141")
    response = deciding.get(f"/{place}/{name}-user", [basic("ann")])
    assert response.status == 500
    again = deciding.get(f"/{place}/{name}-user", [basic("ann")])
    assert again.status == 500


def test_provider_without_a_script_lets_nobody_in(deciding, place):
    assert deciding.get(f"/{place}/no-user-script", [basic("ann")]).status == 500
    deciding.log.claim("PYW0211")


def test_the_arguments_are_user_and_password(deciding, place):
    expression = "report(environ, *arguments)"
    for user, password in [("ann", "secret"), ("ann", ""), ("\xe9", "\xe4:b c")]:
        response = deciding.get(
            f"/{place}/basic", [basic(user, password), header("check_password", expression)]
        )
        assert shown(response)["REMOTE_USER"] == user
        assert report(deciding)["arguments"] == [user, password]


def test_no_credentials_never_reach_the_script(deciding, place):
    assert deciding.get(f"/{place}/basic").status == 401
    assert deciding.get(f"/{place}/basic", [("Authorization", "Basic !")]).status == 401
    deciding.log.allow("AH01614|AH01617|AH01618")


def test_another_provider_is_asked_about_a_user_that_is_unknown(deciding, place):
    assert deciding.get(f"/{place}/fallback", [basic("ann")]).status == 200
    assert deciding.get(f"/{place}/fallback", [basic("carol")]).status == 200
    assert deciding.get(f"/{place}/fallback", [basic("carol", "wrong")]).status == 401
    assert deciding.get(f"/{place}/fallback", [basic("ann", "wrong")]).status == 401
    deciding.log.allow("AH01617|AH01618")


def test_a_cache_may_stand_in_front(deciding, place):
    for _ in range(2):
        assert deciding.get(f"/{place}/cached", [basic("ann")]).status == 200
        assert deciding.get(f"/{place}/cached", [basic("ann", "wrong")]).status == 401
    deciding.log.allow("AH01617|AH01618")


def test_a_provider_alias_brings_its_script(deciding, place):
    assert shown(deciding.get(f"/{place}/alias", [basic("ann")]))["REMOTE_USER"] == "ann"
    assert deciding.get(f"/{place}/alias", [basic("ann", "wrong")]).status == 401
    deciding.log.allow("AH01617|AH01618")


def test_the_name_that_was_returned_is_the_one_that_is_required(deciding, place):
    renamed = header("check_password", "'ann'")
    assert deciding.get(f"/{place}/user", [basic("bob"), renamed]).status == 200
    renamed = header("check_password", "'bob'")
    assert deciding.get(f"/{place}/user", [basic("ann"), renamed]).status == 401
    deciding.log.claim("AH01631")


# Digest


def digest(server, target, user="ann", password="secret", expression=None):
    more = ("-H", ": ".join(header("get_realm_hash", expression))) if expression else ()
    return curl.get(server.url(target), "http1", "--digest", "-u", f"{user}:{password}", *more)


def test_digest(deciding, place):
    result = digest(deciding, f"/{place}/digest")
    assert result.status == 200
    assert b'"REMOTE_USER": "ann"' in result.body
    assert b'"AUTH_TYPE": "Digest"' in result.body
    assert digest(deciding, f"/{place}/digest", password="wrong").status == 401
    assert digest(deciding, f"/{place}/digest", user="bob").status == 401
    deciding.log.allow(r"AH0179\d")


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("hashlib.md5(b'ann:here:secret').hexdigest()", 200),
        ("hashlib.md5(b'ann:here:secret').hexdigest().encode()", 200),
        ("'0' * 32", 401),
        ("None", 401),
    ],
)
def test_what_get_realm_hash_may_return(deciding, place, expression, status):
    assert digest(deciding, f"/{place}/digest", expression=expression).status == status
    deciding.log.allow(r"AH0179\d")


@pytest.mark.parametrize("expression", ["''", "b''", "True", "False", "1", "'a\\nb'"])
def test_what_get_realm_hash_may_not_return(deciding, place, expression):
    assert digest(deciding, f"/{place}/digest", expression=expression).status == 500
    deciding.log.claim("PYW0143")
    deciding.log.claim_traceback("(Type|Value)Error: get_realm_hash")


def test_get_realm_hash_gets_user_and_realm(deciding, place):
    expression = "report(environ, *arguments) and None"
    assert digest(deciding, f"/{place}/digest", expression=expression).status == 401
    assert report(deciding)["arguments"] == ["ann", "here"]
    deciding.log.allow(r"AH0179\d")
