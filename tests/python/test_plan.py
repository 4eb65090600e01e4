"""Decisions, without any I/O."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mod_pywsgi import plan
from mod_pywsgi.discover import Target
from mod_pywsgi.errors import ConfigError, HttpdError
from mod_pywsgi.identity import Identity

from .conftest import SITE, Make

MODULE = Target("module", "mysite.wsgi", f"{SITE}/mysite/wsgi.py", "application")
FACTORY = Target("script", f"{SITE}/app.py", f"{SITE}/app.py", "create_app", is_factory=True)


def daemon_options(made: plan.Plan) -> dict[str, str]:
    return dict(made.application.daemon_options)


class TestListen:
    @pytest.mark.parametrize(
        ("words", "address", "name", "url"),
        [
            ([], "8000", "localhost:8000", "http://localhost:8000/"),
            (["--port", "80"], "80", "localhost:80", "http://localhost/"),
            (
                ["--host", "127.0.0.1"],
                "127.0.0.1:8000",
                "127.0.0.1:8000",
                "http://127.0.0.1:8000/",
            ),
            (["--host", "::1"], "[::1]:8000", "[::1]:8000", "http://[::1]:8000/"),
            (["--host", "0.0.0.0"], "0.0.0.0:8000", "localhost:8000", "http://localhost:8000/"),
            (
                ["--server-name", "a.example", "--mount-point", "/x"],
                "8000",
                "a.example:8000",
                "http://a.example:8000/x/",
            ),
        ],
    )
    def test_addresses(
        self, make: Make, words: list[str], address: str, name: str, url: str
    ) -> None:
        listen = make(*words).listen
        assert (listen.address, listen.name, listen.url) == (address, name, url)

    def test_redirect_to_www(self, make: Make) -> None:
        assert make("--server-name", "www.a.example").listen.redirect_from == "a.example"
        assert make("--server-name", "a.example").listen.redirect_from is None


class TestServerRoot:
    def test_default(self, make: Make) -> None:
        assert make().paths.root == Path("/golden/tmp/mod_pywsgi-localhost:8000:1000")
        root = make("--host", "127.0.0.1", "--port", "81").paths.root
        assert root == Path("/golden/tmp/mod_pywsgi-127.0.0.1:81:1000")

    def test_path_too_long_for_sockets(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="too long: 81 bytes"):
            make("--server-root", "/" + 80 * "x")

    def test_given(self, make: Make) -> None:
        assert make("--server-root", "/srv/root").paths.conf == Path("/srv/root/httpd.conf")


class TestApplication:
    def test_plain_script_needs_no_handler(self, make: Make) -> None:
        application = make().application
        assert application.handler is None
        assert application.script == SITE / "app.py"
        assert application.callable_name == "application"
        assert application.script_reloading

    @pytest.mark.parametrize("target", [MODULE, FACTORY])
    def test_handler(self, make: Make, target: Target) -> None:
        made = make(target=target)
        application = made.application
        assert application.script == made.paths.handler
        assert application.callable_name == "application"
        assert application.handler is not None
        assert application.handler.callable_name == target.callable_name
        assert application.handler.is_factory is target.is_factory
        assert application.handler.working_directory is None

    def test_reload_on_changes(self, make: Make) -> None:
        handler = make("--reload-on-changes").application.handler
        assert handler is not None
        assert handler.reload_on_changes
        assert handler.script == f"{SITE}/app.py"

    @pytest.mark.parametrize("word", ["--embedded-mode", "--debug-mode"])
    def test_embedded(self, make: Make, word: str) -> None:
        application = make(word).application
        assert application.embedded
        assert application.daemon_options == ()
        assert not application.script_reloading
        assert application.python_path[0] == SITE
        assert application.handler is not None
        assert application.handler.working_directory == str(SITE)

    def test_debug(self, make: Make) -> None:
        made = make("--debug-mode", "--processes", "3", "--reload-on-changes", "--access-log")
        assert (made.application.processes, made.application.threads) == (1, 1)
        assert made.application.handler is not None
        assert not made.application.handler.reload_on_changes
        assert (made.error_log, made.access_log) == ("/dev/stderr", "/dev/stdout")
        assert made.keep_alive_timeout == 0

    def test_working_directory(self, make: Make, facts: plan.Facts) -> None:
        found = dataclasses.replace(facts.target, directory="/golden/found")
        assert make().application.working_directory == SITE
        assert make(target=found).application.working_directory == Path("/golden/found")
        given = make("--working-directory", "/w", target=found)
        assert given.application.working_directory == Path("/w")
        assert daemon_options(given)["home"] == "/w"


class TestDaemonOptions:
    def test_defaults(self, make: Make) -> None:
        assert daemon_options(make()) == {
            "display-name": "(wsgi:localhost:8000:1000)",
            "home": str(SITE),
            "python-home": "/golden/venv",
            "threads": "5",
            "lang": "C.UTF-8",
            "locale": "C.UTF-8",
            "startup-timeout": "15",
            "shutdown-timeout": "5",
            "restart-interval": "0",
            "cpu-time-limit": "0",
            "graceful-timeout": "15",
            "eviction-timeout": "0",
            "deadlock-timeout": "60",
            "inactivity-timeout": "0",
            "request-timeout": "60",
            "interrupt-timeout": "0",
            "connect-timeout": "15",
            "socket-timeout": "60",
            "queue-timeout": "45",
            "response-socket-timeout": "0",
            "response-flush-delay": "0",
        }

    def test_processes_only_if_given(self, make: Make) -> None:
        """Giving it sets wsgi.multiprocess, even as 1."""
        assert "processes" not in daemon_options(make())
        assert daemon_options(make("--processes", "1"))["processes"] == "1"

    def test_preload_and_warmup(self, make: Make) -> None:
        words = ["--preload", "--warmup", "/a", "--warmup", "/b?c"]
        options = make(*words).application.daemon_options
        assert [(name, value) for name, value in options if name in ("preload", "warmup")] == [
            ("preload", "On"),
            ("warmup", "/a"),
            ("warmup", "/b?c"),
        ]

    @pytest.mark.parametrize("words", [["--preload"], ["--warmup", "/a"]])
    def test_they_mean_nothing_without_daemon_processes(self, make: Make, words: list[str]) -> None:
        assert any(words[0] in remark for remark in make("--embedded-mode", *words).remarks)

    def test_preload_excludes_reload_on_changes(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="--preload and --reload-on-changes exclude"):
            make("--preload", "--reload-on-changes")

    def test_python_path(self, make: Make, facts: plan.Facts) -> None:
        words = ["--python-path", "/a", "--python-path", "/b", "--python-path", "/a"]
        assert daemon_options(make(*words))["python-path"] == "/a:/b"
        moved = make("--working-directory", "/w", "--python-path", "/a")
        assert daemon_options(moved)["python-path"] == f"/a:{SITE}"
        python = dataclasses.replace(facts.python, extra_path=Path("/user/site"))
        assert daemon_options(make(python=python))["python-path"] == "/user/site"

    def test_python_path_with_colon(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="must not contain ':'"):
            make("--python-path", "/a:b")

    def test_timeouts(self, make: Make) -> None:
        options = daemon_options(make("--request-timeout", "7", "--socket-timeout", "8"))
        assert (options["request-timeout"], options["socket-timeout"]) == ("7", "8")

    def test_unknown_locale_is_left_alone(self, make: Make, facts: plan.Facts) -> None:
        machine = dataclasses.replace(facts.machine, locale="")
        assert "lang" not in daemon_options(make(machine=machine))


class TestStatic:
    def test_default_root_is_empty_and_costs_nothing(self, make: Make) -> None:
        made = make()
        assert made.static.document_root == made.paths.htdocs
        assert not made.static.files_win
        assert not made.has_module("rewrite")

    def test_document_root(self, make: Make) -> None:
        made = make("--document-root", "/srv/files")
        assert made.static.files_win
        assert made.has_module("rewrite")
        assert made.has_module("mime")

    def test_source_in_document_root_is_refused(self, make: Make) -> None:
        for root in (SITE, SITE.parent):
            with pytest.raises(ConfigError, match="the application's own source"):
                make("--document-root", str(root))

    def test_longer_aliases_first(self, make: Make) -> None:
        words = ["--url-alias", "/a", "/1", "--url-alias", "/a/b", "/2", "--url-alias", "/b", "/3"]
        made = make(*words, directories=frozenset({Path("/1")}))
        assert [alias.url for alias in made.static.aliases] == ["/b", "/a/b", "/a"]
        assert [alias.is_directory for alias in made.static.aliases] == [False, False, True]

    def test_types_where_the_system_has_none(self, make: Make, facts: plan.Facts) -> None:
        httpd = dataclasses.replace(facts.httpd, mime_types=None)
        assert ("text/css", ".css") in make(httpd=httpd).static.fallback_types


class TestLimits:
    def test_read_timeout(self, make: Make) -> None:
        assert make().read_timeout == ("header=15-30,MinRate=500", "body=15,MinRate=500")
        words = ["--header-timeout", "0", "--body-max-timeout", "20", "--body-min-rate", "0"]
        assert make(*words).read_timeout == ("header=0", "body=15-20")

    def test_contradiction(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="--header-max-timeout"):
            make("--header-timeout", "40")

    def test_missing_module(self, make: Make, facts: plan.Facts) -> None:
        httpd = dataclasses.replace(facts.httpd, available=frozenset({"mpm_event", "authz_core"}))
        with pytest.raises(HttpdError, match=r"mod_mime\.so is not in"):
            make("--document-root", "/srv/files", httpd=httpd)
        assert not make(httpd=httpd).has_module("reqtimeout")


class TestLogs:
    def test_files(self, make: Make) -> None:
        made = make("--access-log")
        assert made.error_log == str(made.paths.error_log)
        assert made.access_log == str(made.paths.access_log)
        assert make().access_log is None

    def test_terminal(self, make: Make) -> None:
        made = make("--log-to-terminal", "--access-log")
        assert (made.error_log, made.access_log) == ("/dev/stderr", "/dev/stdout")


class TestRemarks:
    def test_none_by_default(self, make: Make) -> None:
        assert make().remarks == ()

    def test_dropping_root_is_said(self, make: Make) -> None:
        who = Identity("bob", "bob", 5, 5, drops=True, reason="who owns the application")
        assert make(identity=who).remarks == (
            "started as root; the application runs as bob, who owns the application",
        )

    def test_what_has_no_effect_is_said(self, make: Make) -> None:
        assert make("--queue-timeout", "45", "--ignore-activity", "/a").remarks == ()
        debug = make("--debug-mode", "--queue-timeout", "45", "--ignore-activity", "/a")
        assert debug.remarks == (
            "--queue-timeout has no effect without daemon processes",
            "--ignore-activity has no effect without daemon processes",
        )


class TestServices:
    def test_a_program_and_a_job(self, make: Make) -> None:
        made = make(
            *("--service-script", "mail", "/srv/mail.py"),
            *("--service-script", "nightly", "/srv/nightly.py"),
            *("--service-schedule", "nightly", "@daily"),
            *("--service-user", "mail", "postman", "--service-group", "mail", "post"),
            *("--shutdown-timeout", "9"),
        )
        mail, nightly = made.services
        assert (mail.group, mail.script) == ("service:mail", Path("/srv/mail.py"))
        options = dict(mail.options)
        assert (options["threads"], options["shutdown-timeout"]) == ("0", "9")
        assert (options["user"], options["group"]) == ("postman", "post")
        assert options["home"] == str(SITE)
        assert "schedule" not in options
        assert dict(nightly.options)["schedule"] == "@daily"
        assert "user" not in dict(nightly.options)

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["--service-script", "a b", "/x"], "must name a service"),
            (["--service-schedule", "a", " "], "must not be empty"),
            (["--service-script", "a", "/x", "--service-script", "a", "/y"], "one name"),
            (["--service-user", "a", "me"], "--service-user a: there is no service"),
        ],
    )
    def test_refused(self, make: Make, words: list[str], says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            make(*words)
