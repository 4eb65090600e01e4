"""The examples of docs/access.md work as they stand, but for their paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.deciders import APPLICATION, MODULES, basic, shown

PAGE = Path(__file__).parents[2] / "docs" / "access.md"


def blocks(heading, language):
    """The code of one section of the page."""
    section = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    [text] = [part for part in section if part.startswith(heading + "\n")]
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


@pytest.fixture
def example(start):
    """Starts a server with one section's examples; `more` is configuration in front, `wrap` around it."""

    def run(heading, script, more="", wrap="{}"):
        configuration = wrap.format("\n".join(blocks(heading, "apache")))
        configuration = configuration.replace("/srv/auth/", "@ROOT@/").replace(
            "/srv/app/", "@ROOT@/"
        )
        return start(
            more + configuration,
            files={"app.wsgi": APPLICATION, script: blocks(heading, "python")[0]},
            modules=(*MODULES, "authn_anon"),
        )

    return run


ALIAS = "WSGIScriptAlias / @ROOT@/app.wsgi\n"


def test_users(example):
    server = example("Users", "users.py", ALIAS)
    assert server.get("/private").status == 401
    assert shown(server.get("/private", [basic("ann")]))["REMOTE_USER"] == "ann"
    assert server.get("/private", [basic("ann", "x")]).status == 401
    assert server.get("/private", [basic("eve")]).status == 401
    assert server.get("/").status == 200
    server.log.allow("AH01617|AH01618")


def test_groups(example):
    users = (
        "AuthType Basic\nAuthName x\nAuthBasicProvider anon\nAnonymous *\n"
        "Anonymous_MustGiveEmail Off\n"
    )
    server = example(
        "Groups",
        "groups.py",
        ALIAS,
        f"<Location /g>\n{users}{{}}\n</Location>",
    )
    assert server.get("/g", [basic("ann")]).status == 200
    assert server.get("/g", [basic("bob")]).status == 200
    assert server.get("/g", [basic("eve")]).status == 401
    server.log.claim("AH01631")


def test_access(example):
    server = example("Access", "access.py", ALIAS)
    assert server.get("/inside").status == 403
    assert server.get("/").status == 200
    server.log.claim("PYW0215")


def test_dispatch(example):
    server = example("Dispatch", "dispatch.py")
    assert shown(server.get("/"))["mod_wsgi.process_group"] == "blue"
    seen = shown(server.get("/", [("X-Preview", "1")]))
    assert seen["mod_wsgi.process_group"] == "green"
