"""Which of many aliases a URL means: the first one of the file that matches, whatever its kind."""

from __future__ import annotations

import pytest

NAMES = ("letters", "deep", "first", "again", "shadowed", "slashed", "late", "root")
SCRIPT = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"{name} " + environ["SCRIPT_NAME"].encode()]
"""
EXTRA = r"""
WSGIScriptAliasMatch ^/(a+)/x @ROOT@/letters.py
WSGIScriptAlias /first/deep @ROOT@/deep.py
WSGIScriptAlias /first @ROOT@/first.py
WSGIScriptAlias /first/shadowed @ROOT@/shadowed.py
WSGIScriptAlias /slashed/ @ROOT@/slashed.py/
WSGIScriptAliasMatch ^/(first|again) @ROOT@/again.py
WSGIScriptAlias /aa @ROOT@/late.py
<VirtualHost *:@PORT@>
    ServerName other.example
    WSGIScriptAlias /first @ROOT@/late.py
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName rooted.example
    WSGIScriptAlias /own @ROOT@/late.py
    WSGIScriptAlias / @ROOT@/root.py
    WSGIScriptAlias /beyond @ROOT@/late.py
</VirtualHost>
"""


@pytest.fixture
def server(start):
    return start(EXTRA, files={f"{name}.py": SCRIPT.format(name=name) for name in NAMES})


def test_the_first_that_matches(server):
    plain, rooted = "other.example", "rooted.example"
    wanted = {
        (plain, "/first/deep"): "late /first",  # the host's own come first
        (plain, "/aa/x"): "letters /aa/x",
        (plain, "/aaa/x"): "letters /aaa/x",
        (plain, "/aa/y"): "late /aa",
        (plain, "//aa//y"): "late /aa",
        (plain, "/again/more"): "again /again/more",
        (plain, "/slashed/more"): "slashed /slashed",
        (plain, "/firstly"): "again /firstly",
        (plain, "/a"): None,
        (plain, "/"): None,
        (rooted, "/own/x"): "late /own",
        (rooted, "/first/deep"): "root ",
        (rooted, "/beyond"): "root ",
        (rooted, "/"): "root ",
    }
    seen = {}
    for host, path in wanted:
        response = server.get(path, [("Host", host)])
        seen[host, path] = response.text if response.status == 200 else None
    assert seen == wanted
