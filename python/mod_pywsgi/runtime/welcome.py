"""The page that is shown where there is no application: what there is, and what to type next.

What it says of this machine it says to private addresses only.
"""

import getpass
import html
import ipaddress
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

Environ = dict[str, Any]
Page = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_TEMPLATE = Path(__file__).with_name("welcome.html")
_HEADERS = [
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
]

_FILE = """\
cat > app.py <<'PYTHON'
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello!\\n"]
PYTHON
$express"""
_FLASK = """\
$python -m pip install Flask
cat > app.py <<'PYTHON'
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "Hello from Flask!"
PYTHON
$express"""
_DJANGO = """\
$python -m pip install Django
$python -m django startproject mysite .
$express"""
_DOCKER = """\
echo 'FROM mod_pywsgi:onbuild' > Dockerfile
docker build -t mysite .
docker run --rm -p 8000:8000 mysite"""

_ONBUILD = "The image <code>mod_pywsgi:onbuild</code> has to be built first"

_CHOICES = (
    ("A file", "a function is all it takes", _FILE),
    ("Flask", "an application in app.py", _FLASK),
    ("Django", "a new project in this directory", _DJANGO),
    ("Docker", "an image of what is in this directory", _DOCKER),
)


def make_page(
    *,
    directory: str,
    looked: Sequence[str],
    docs_url: str,
    options: Sequence[str],
    apache: str,
    log: str,
    mode: str,
) -> Page:
    """The application that shows the page.

    :param looked: what was looked for in vain; :param docs_url: empty for none.
    :param options: of the command that runs, to be repeated; :param mode: one word.
    """
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    express = " ".join([_express(), "start-server", "--reload-on-changes", *options])

    def page(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "") not in ("", "/"):
            text = b"There is nothing here: no application is served.\n"
            start_response("404 Not Found", [("Content-Type", "text/plain"), *_HEADERS])
            return [text]
        is_private = _is_private(environ.get("REMOTE_ADDR", ""))
        facts = _facts(environ, directory, apache, log, mode) if is_private else {}
        body = template.substitute(
            where=f" in <code>{html.escape(directory)}</code>" if is_private else "",
            choices="".join(_choices(directory if is_private else "", express, docs_url)),
            facts=_section("This server", _table(facts)) if facts else "",
            looked=_section("Looked for, in vain", _list(looked)) if is_private else "",
            docs=_docs(docs_url),
        )
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), *_HEADERS])
        return [body.encode("utf-8", "replace")]

    return page


def _express() -> str:
    """The command as it can be typed anywhere."""
    script = Path(sys.prefix, "bin", "mod-pywsgi-express")
    return shlex.quote(str(script)) if script.exists() else f"{_python()} -m mod_pywsgi"


def _python() -> str:
    return shlex.quote(str(Path(sys.prefix, "bin", "python3")))


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False


def _choices(directory: str, express: str, docs_url: str) -> Iterable[str]:
    """Each way to an application, the first one open."""
    notes = {"Docker": f"<p>{_ONBUILD}: {_link(docs_url, 'docker', 'Containers')}</p>"}
    for number, (name, words, text) in enumerate(_CHOICES):
        start = f"cd {shlex.quote(directory)}\n" if directory else ""
        commands = start + Template(text).substitute(express=express, python=_python())
        yield (
            f'<details name="next"{" open" if number == 0 else ""}>'
            f"<summary><b>{name}</b> <span>{words}</span></summary>{notes.get(name, '')}"
            f"<pre><code>{html.escape(commands)}</code></pre></details>"
        )


def _facts(environ: Environ, directory: str, apache: str, log: str, mode: str) -> dict[str, str]:
    server = sys.modules.get("mod_wsgi")
    processes = getattr(server, "maximum_processes", 1)
    threads = getattr(server, "threads_per_process", 1)
    version = ".".join(map(str, environ.get("mod_wsgi.version", ())))
    shown = {
        "mod_pywsgi": version,
        "Apache": apache,
        "Python": f"{platform.python_version()}, {sys.prefix}",
        "Mode": mode,
        "Processes": f"{processes} with {threads} threads each" if mode == "daemon" else "",
        "Process": f"{os.getpid()}, user {_user()}",
        "Directory": directory,
        "Log": log if log.startswith("/") and "/dev/" not in log else "on the terminal",
    }
    return {name: value for name, value in shown.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _table(facts: dict[str, str]) -> str:
    rows = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f"<dl>{rows}</dl>"


def _list(lines: Sequence[str]) -> str:
    names = [html.escape(line.partition(":")[0]) for line in lines]
    items = "".join(f"<li><code>{name}</code></li>" for name in names)
    return f'<ul class="looked">{items}</ul>'


def _docs(url: str) -> str:
    if not url:
        return "<p>The documentation is in the folder <code>docs</code> of the sources.</p>"
    pages = (("quickstart", "Quickstart"), ("express", "All options"), ("errors", "Errors"))
    links = "".join(_link(url, page, name) for page, name in pages)
    return f'<p class="links"><a href="{url}">Documentation</a>{links}</p>'


def _link(url: str, page: str, name: str) -> str:
    """A link to a page of the documentation, or the page's file where it is not served."""
    return f'<a href="{url}{page}.html">{name}</a>' if url else f"<code>docs/{page}.md</code>"
