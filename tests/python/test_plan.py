"""Decisions, without any I/O."""

from __future__ import annotations

import dataclasses
import re
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
            (["--host", "::1"], "[::1]:8000", "localhost:8000", "http://[::1]:8000/"),
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


class TestSites:
    """What becomes of which name at which port; tests/express/test_hosts.py sees it happen."""

    HTTPS = ("--https-port", "8443", "--self-signed")
    WWW = ("--server-name", "www.a.example")

    @pytest.mark.parametrize(
        ("words", "sites"),
        [
            ((), []),
            (HTTPS, [("serve", 8443, "localhost:8443")]),
            (
                (*HTTPS, "--https-only"),
                [("redirect", 8000, "localhost:8000"), ("serve", 8443, "localhost:8443")],
            ),
            (
                WWW,
                [
                    ("refuse", 8000, None),
                    ("redirect", 8000, "a.example"),
                    ("serve", 8000, "www.a.example:8000"),
                ],
            ),
            (
                (*WWW, *HTTPS, "--https-only", "--allow-localhost", "--server-alias", "a.example"),
                [
                    ("local", 8000, None),
                    ("redirect", 8000, "www.a.example:8000"),
                    ("local", 8443, None),
                    ("serve", 8443, "www.a.example:8443"),
                ],
            ),
        ],
    )
    def test_table(
        self, make: Make, words: tuple[str, ...], sites: list[tuple[str, int, str | None]]
    ) -> None:
        assert [(site.does, site.port, site.name) for site in make(*words).sites] == sites

    def test_default_ports_are_not_written(self, make: Make) -> None:
        words = ["--port", "80", "--https-port", "443", "--self-signed", "--https-only"]
        made = make(*words, *self.WWW)
        assert (made.listen.url, made.listen.https_url) == (
            "http://www.a.example/",
            "https://www.a.example/",
        )
        targets = {site.target for site in made.sites if site.does == "redirect"}
        assert targets == {"https://www.a.example", "https://%{SERVER_NAME}"}


class TestTls:
    ACME = (
        *("--https-port", "443", "--port", "80", "--acme-email", "me@a.example"),
        *("--acme-domain", "www.a.example", "--acme-domain", "a.example"),
    )

    def test_files(self, make: Make) -> None:
        tls = make("--https-port", "8443", "--ssl-certificate", "/k/site").tls
        assert tls is not None
        assert tls.certificate.files == (Path("/k/site.crt"), Path("/k/site.key"))
        tls = make("--https-port", "8443", "--ssl-certificate-file", "/k/all.pem").tls
        assert tls is not None
        assert tls.certificate.files == (Path("/k/all.pem"), Path("/k/all.pem"))

    def test_own_names(self, make: Make) -> None:
        words = ["--server-alias", "*.c.example", "--server-alias", "d*.example"]
        made = make(
            "--https-port", "8443", "--self-signed", "--server-name", "www.b.example", *words
        )
        assert made.tls is not None
        assert made.tls.certificate.own_names == (
            *("www.b.example", "*.c.example", "localhost", "127.0.0.1", "::1", "b.example"),
        )

    def test_acme(self, make: Make) -> None:
        made = make(*self.ACME)
        assert made.listen.only_name == "www.a.example"
        assert made.listen.aliases == ()  # the other name is redirected
        assert made.tls is not None
        assert made.tls.acme is not None
        assert made.tls.acme.ports == ("80:80", "443:443")
        assert made.listen.protocols == ("http/1.1", "acme-tls/1")
        # Of our own making for unknown names, by ACME for these.
        assert [site.certificate is None for site in made.sites if site.tls] == [False, True, True]

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["--server-alias", "a.example"], "has no meaning without --server-name"),
            (["--allow-localhost"], "has no meaning without --server-name"),
            (["--https-only"], "--https-only has no meaning without a port for TLS"),
            (["--hsts-policy", "max-age=1"], "--hsts-policy has no meaning without a port for TLS"),
            (["--hsts-policy", "forever"], "must be a policy such as"),
            (["--port", "8", "--https-port", "8"], "--port and --https-port are both 8"),
            (["--ssl-certificate", "x"], "--ssl-certificate has no meaning without a port for TLS"),
            (["--ssl-certificate-file", "x"], "has no meaning without a port for TLS"),
            (["--ssl-certificate-key-file", "x"], "has no meaning without a port for TLS"),
            (["--ssl-certificate-chain-file", "x"], "has no meaning without a port for TLS"),
            (["--ssl-ca-certificate-file", "x"], "has no meaning without a port for TLS"),
            (["--ssl-verify-client", "/x"], "has no meaning without a port for TLS"),
            (["--ssl-environment"], "has no meaning without a port for TLS"),
            (["--self-signed"], "has no meaning without a port for TLS"),
            (["--https-port", "8443"], "--https-port needs a certificate"),
            (
                ["--https-port", "8443", "--self-signed", "--ssl-certificate", "x"],
                "exclude each other",
            ),
            (["--https-port", "8443", "--self-signed", "--ssl-verify-client", "/"], "who signs"),
            (
                ["--https-port", "8443", "--self-signed", "--ssl-certificate-key-file", "x"],
                "--ssl-certificate-key-file goes with a certificate",
            ),
            (["--https-port", "8443", "--acme-domain", "*.a.example"], "without wildcards"),
            (["--https-port", "8443", "--acme-domain", "a.example"], "needs an address"),
            (["--https-port", "8443", "--self-signed", "--acme-email", "a@b.c"], "--acme-domain"),
            (
                [
                    *(
                        "--https-port",
                        "8443",
                        "--acme-domain",
                        "a.example",
                        "--acme-email",
                        "a@b.c",
                    ),
                    *("--server-name", "b.example"),
                ],
                "--server-name b.example is not among the names",
            ),
        ],
    )
    def test_refused(self, make: Make, words: list[str], says: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(says)):
            make(*words)

    @pytest.mark.parametrize("url", ["/priv*", "/a?b", "/[ab]", "/a%20b"])
    def test_urls_that_would_stay_open_are_refused(self, make: Make, url: str) -> None:
        """Apache compares them decoded, and its wildcards stop at a slash."""
        words = ("--https-port", "8443", "--self-signed", "--ssl-ca-certificate-file", "x")
        with pytest.raises(ConfigError, match="without wildcards and %XX"):
            make(*words, "--ssl-verify-client", url)

    def test_a_proxied_host_may_have_a_certificate_by_acme(self, make: Make) -> None:
        words = ["--proxy-virtual-host", "b.example", "http://127.0.0.1:8001"]
        by_acme = make(*self.ACME, *words, "--acme-domain", "b.example")
        assert by_acme.listen.aliases == ()
        hosts = {site.name: site.certificate for site in by_acme.sites if site.tls}
        assert hosts["b.example"] is None
        other = {site.name: site.certificate for site in make(*self.ACME, *words).sites if site.tls}
        assert other["b.example"] == hosts[None]
        own = make("--https-port", "8443", "--self-signed", *words).tls
        assert own is not None
        assert "b.example" in own.certificate.own_names

    def test_acme_says_where_certificates_are_kept(self, make: Make) -> None:
        assert any("md" in remark for remark in make(*self.ACME).remarks)
        assert make(*self.ACME, "--server-root", "/srv/root").remarks == ()


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


STATIC = Target("static", str(SITE), "", "", directory=str(SITE))


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
        assert (handler.kind, handler.name) == ("script", f"{SITE}/app.py")
        assert handler.touched is None

    def test_attribute_needs_a_handler(self, make: Make) -> None:
        dash = Target("script", f"{SITE}/app.py", f"{SITE}/app.py", "app.server")
        handler = make(target=dash).application.handler
        assert handler is not None
        assert handler.callable_name == "app.server"
        assert handler.touched == f"{SITE}/app.py"

    def test_static(self, make: Make) -> None:
        made = make(target=STATIC)
        assert made.application.is_static
        assert made.application.handler is None
        assert made.application.daemon_options == ()
        assert made.static.document_root == SITE
        assert {"dir", "mime"} <= {module.symbol[:-7] for module in made.modules}
        assert make("--document-root", str(SITE), target=STATIC).static.document_root == SITE
        with pytest.raises(ConfigError, match="which is to be served by"):
            make("--document-root", "/golden/other", target=STATIC)

    def test_debug_mode_says_what_has_no_effect(self, make: Make) -> None:
        words = ["--threads", "3", "--keep-alive-timeout", "3", "--stop-timeout", "3"]
        remarks = make("--debug-mode", "--host", "127.0.0.1", *words).remarks
        found = [remark.partition(" has no effect in debug mode")[0] for remark in remarks]
        assert found == words[::2]

    def test_to_reload_and_not_to_is_refused(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="--disable-reloading and --reload-on-changes"):
            make("--disable-reloading", "--reload-on-changes")

    def test_static_says_what_has_no_effect(self, make: Make) -> None:
        words = ("--processes", "2", "--reload-on-changes", "--shutdown-timeout", "3")
        assert make(*words, target=STATIC).remarks == (
            "--processes has no effect without an application",
            "--reload-on-changes has no effect without an application",
        )
        # A script is one.
        scripted = (*words[:2], "--host-access-script", "x", "--embedded-mode", "--warmup", "/")
        assert make(*scripted, target=STATIC).remarks == (
            "--warmup has no effect without daemon processes",
        )
        with pytest.raises(ConfigError, match="--mount-point is the URL of an application"):
            make("--mount-point", "/x", target=STATIC)

    def test_a_package_elsewhere_can_be_imported(self, make: Make) -> None:
        package = Target(
            "module", "shop", "/golden/shop/shop/__init__.py", "app", directory="/golden/shop"
        )
        application = make("--working-directory", str(SITE), target=package).application
        assert Path("/golden/shop") in application.python_path

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
        assert (str(made.application.processes), made.application.threads) == ("1", 1)
        assert made.application.handler is not None
        assert not made.application.handler.reload_on_changes
        assert (made.logs.error_log, made.logs.access_log) == ("/dev/stderr", "/dev/stdout")
        assert made.limits.keep_alive_timeout == 0

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
            "env": "MOD_WSGI_EXPRESS=true",
            "listen-backlog": "100",
            "python-eggs": "/golden/tmp/mod_pywsgi-localhost:8000:1000/python-eggs",
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

    @pytest.mark.parametrize("words", [["--preload"], ["--interpreters", "2"], ["--warmup", "/a"]])
    def test_they_mean_nothing_without_daemon_processes(self, make: Make, words: list[str]) -> None:
        assert any(words[0] in remark for remark in make("--embedded-mode", *words).remarks)

    def test_interpreters(self, make: Make, facts: plan.Facts) -> None:
        older = facts.python
        newer = dataclasses.replace(older, version="3.13")
        free = dataclasses.replace(newer, is_free_threaded=True)
        assert "interpreters" not in daemon_options(make("--interpreters", "1"))
        several = daemon_options(make("--interpreters", "4", python=newer))
        assert several["interpreters"] == "4"
        for words, python, says in (
            (["4"], older, "needs Python 3.12 or newer"),
            (["4"], free, "no use in a free-threaded Python"),
            (["4", "--preload"], newer, "exclude each other"),
            (["4", "--threads", "3"], newer, "each needs a thread of its own"),
        ):
            with pytest.raises(ConfigError, match=says):
                make("--interpreters", *words, python=python)

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
            with pytest.raises(
                ConfigError, match=r"--url-alias /a .* the application's own source"
            ):
                make("--url-alias", "/a", str(root))

    @pytest.mark.parametrize(
        ("option", "one", "other", "name"),
        [
            ("--url-alias", ("/a", "/1"), ("//a", "/2"), "/a"),
            ("--error-document", ("404", "/1"), ("404", "/2"), "404"),
            ("--add-handler", (".md", "/1"), ("md", "/2"), ".md"),
            ("--proxy-mount-point", ("/a", "http://b"), ("/a/", "http://c"), "/a"),
        ],
    )
    def test_two_answers_to_one_question_are_refused(
        self, make: Make, option: str, one: tuple[str, str], other: tuple[str, str], name: str
    ) -> None:
        with pytest.raises(ConfigError, match=f"{option} is given twice for {name}"):
            make("--document-root", "/d", option, *one, option, *other)

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
        assert make().limits.read_timeout == ("header=15-30,MinRate=500", "body=15,MinRate=500")
        words = ["--header-timeout", "0", "--body-max-timeout", "20", "--body-min-rate", "0"]
        assert make(*words).limits.read_timeout == ("header=0", "body=15-20")

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
        assert made.logs.error_log == str(made.paths.root / "error_log")
        assert made.logs.access_log == str(made.paths.root / "access_log")
        assert make().logs.access_log is None

    def test_terminal(self, make: Make) -> None:
        made = make("--log-to-terminal", "--access-log")
        assert (made.logs.error_log, made.logs.access_log) == ("/dev/stderr", "/dev/stdout")


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
        words = ("--queue-timeout", "45", "--ignore-activity", "/a", "--host", "127.0.0.1")
        debug = make("--debug-mode", *words)
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


class TestDocumentation:
    MANUAL = Path("/golden/manual")

    def test_off(self, make: Make) -> None:
        assert make(manual=self.MANUAL).documentation is None

    def test_on(self, make: Make) -> None:
        documentation = make("--enable-docs", "--port", "81", manual=self.MANUAL).documentation
        assert documentation is not None
        assert documentation.docs == self.MANUAL / "docs"
        assert documentation.url == "http://localhost:81/__wsgi__/docs/"

    def test_not_installed(self, make: Make) -> None:
        with pytest.raises(ConfigError, match="was not installed"):
            make("--enable-docs")
        assert make(target=WELCOME).documentation is None

    def test_where_there_is_no_application(self, make: Make) -> None:
        made = make("--port", "8001", target=WELCOME, manual=self.MANUAL)
        assert made.documentation is not None
        assert made.application.handler is not None
        assert made.application.handler.name == "mod_pywsgi.runtime.welcome"
        said = made.application.handler.keywords
        assert (said["directory"], said["looked"]) == (str(SITE), ["app.py: there is none"])
        assert said["options"] == ["--port 8001"]
        assert any("there is no application" in remark for remark in made.remarks)


WELCOME = Target(
    "welcome", str(SITE), "", "", directory=str(SITE), looked=("app.py: there is none",)
)
