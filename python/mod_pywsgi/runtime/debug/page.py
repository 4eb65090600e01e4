"""What a client is shown of an exception: a page, text or JSON, as it asked for.

Only in debug mode: the page holds source code. Values of the request that look like secrets are
masked, and all of them escaped.
"""

import html
import json
import linecache
import re
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

Headers = list[tuple[str, str]]

_AROUND = 4  # lines of source above and below the one that failed
_LONGEST = 2000  # characters of a value
_CHAINED = 10  # exceptions, at most
_MASK = "••••••"
_SECRET = re.compile(
    r"COOKIE|AUTHORIZATION|PASSW|SECRET|TOKEN|CREDENTIAL|SIGNATURE|SESSION"
    r"|(^|_)(API_?KEY|KEY|PWD|AUTH|CSRF)(_|$)",
    re.IGNORECASE,
)
_NO_SECRET = frozenset({"AUTH_TYPE", "SSL_CIPHER_USEKEYSIZE", "SSL_CIPHER_ALGKEYSIZE"})
_SECRET_PARAMETER = re.compile(
    r"((?:^|[?&;])[^=&;]*(?:passw|secret|token|key|auth|session|signature)[^=&;]*=)[^&;#]+",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --hit: #c0392b; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; color: var(--hit); overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
.said { font-size: 1.15rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 0; }
.where { opacity: .75; margin: .3rem 0; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; }
summary { cursor: pointer; padding: .35rem .7rem; overflow-wrap: anywhere; }
pre { margin: 0; padding: .5rem .7rem; overflow-x: auto; background: var(--soft);
      font: 13px/1.5 ui-monospace, monospace; }
pre .hit { display: inline-block; min-width: 100%; background: #c0392b2e; }
table { border-collapse: collapse; width: 100%; font: 13px/1.5 ui-monospace, monospace; }
td { border-top: 1px solid var(--line); padding: .2rem .6rem; vertical-align: top;
     overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; opacity: .75; }
footer { margin-top: 2rem; opacity: .75; }
"""


def kind_for(accept: str) -> str:
    """What a client wants, by its Accept header: "html", "json" or "text".

    Browsers name text/html; what asks for anything, such as curl, is a terminal.
    """
    wanted = accept.lower()
    if "text/html" in wanted or "application/xhtml+xml" in wanted:
        return "html"
    if re.search(r"application/([a-z0-9.+-]*\+)?json", wanted):
        return "json"
    return "text"


def answer(error: BaseException, environ: Mapping[str, Any], title: str) -> tuple[Headers, bytes]:
    """Headers and body for a response about an exception.

    :param title: half a sentence that says when it came.
    """
    kind, body = {
        "html": ("text/html", _html),
        "json": ("application/json", _json),
        "text": ("text/plain", _text),
    }[kind_for(str(environ.get("HTTP_ACCEPT", "")))]
    return _finished(kind, body(error, environ, title))


def short(sentence: str) -> tuple[Headers, bytes]:
    """Headers and body of a response that is one sentence."""
    return _finished("text/plain", f"{sentence}\n")


def _finished(kind: str, text: str) -> tuple[Headers, bytes]:
    content = text.encode("utf-8", "backslashreplace")
    headers = [
        ("Content-Type", f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ]
    return headers, content


def as_text(error: BaseException) -> str:
    """The traceback, without the server's own frames."""
    return "".join(traceback.format_exception(type(error), error, own_part(error.__traceback__)))


def own_part(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the application.

    :return: all of it if there is no other.
    """
    rest = trace
    while rest is not None and _is_ours(rest):
        rest = rest.tb_next
    return rest or trace


def _is_ours(trace: TracebackType) -> bool:
    name = str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.startswith(("mod_pywsgi.runtime", "importlib", "_frozen_importlib"))


def shown(name: str, value: object) -> str:
    """A value of the request's environment, masked if it may be secret, cut if it is long."""
    text = value if isinstance(value, str) else repr(value)
    if name.upper() not in _NO_SECRET and _SECRET.search(name):
        return _MASK if text else ""
    text = _SECRET_PARAMETER.sub(rf"\1{_MASK}", text)
    text = _PASSWORD_IN_URL.sub(rf"\1:{_MASK}@", text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _text(error: BaseException, environ: Mapping[str, Any], title: str) -> str:
    return f"{title}\n\n{as_text(error)}"


def _json(error: BaseException, environ: Mapping[str, Any], title: str) -> str:
    return json.dumps(
        {
            "title": title,
            "type": _name(error),
            "message": _message(error),
            "traceback": as_text(error).splitlines(),
        },
        indent=2,
    )


def _html(error: BaseException, environ: Mapping[str, Any], title: str) -> str:
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_escape(_name(error))}: {_escape(_message(error)[:100])}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{_escape(_name(error))}</h1>",
        f'<p class="said">{_escape(_message(error))}</p>',
        f'<p class="where">{_escape(title)}: {_escape(_request(environ))}</p>',
    ]
    for heading, exception in _chain(error):
        if heading:
            parts.append(f"<h2>{_escape(heading)}</h2>")
        parts += _frames(exception)
    parts.append("<h2>Traceback as text</h2><details><summary>To copy</summary>")
    parts.append(f"<pre>{_escape(as_text(error))}</pre></details>")
    parts.append("<h2>Request</h2><table>")
    for name in sorted(environ):
        parts.append(
            f"<tr><td>{_escape(name)}</td><td>{_escape(shown(name, environ[name]))}</td></tr>"
        )
    parts.append("</table><footer>This page is shown in debug mode only, to whoever can connect.")
    parts.append("</footer></body></html>\n")
    return "\n".join(parts)


def _name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own, which may do anything
        return "(it cannot be shown)"


def _request(environ: Mapping[str, Any]) -> str:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return f"{environ.get('REQUEST_METHOD', '')} {path}"


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The exception, then those that led to it, each with how it did."""
    heading = ""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(seen) < _CHAINED:
        seen.add(id(current))
        yield heading, current
        earlier = current.__cause__
        link = "Caused by"
        if earlier is None and not current.__suppress_context__:
            earlier = current.__context__
            link = "While this was handled"
        current = earlier
        if earlier is not None:
            heading = f"{link}: {_name(earlier)}: {_message(earlier)}"


def _frames(error: BaseException) -> Iterator[str]:
    """Each frame with its source, the last one open."""
    steps = traceback.StackSummary.extract(
        traceback.walk_tb(own_part(error.__traceback__)), lookup_lines=False
    )
    if isinstance(error, SyntaxError) and error.filename:
        number = error.lineno or 1
        steps.append(traceback.FrameSummary(error.filename, number, "syntax", lookup_line=False))
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        place = f"{step.filename}:{step.lineno}"
        yield f"<details{' open' if is_last else ''}>"
        yield f"<summary>{_escape(step.name)} · {_escape(place)}</summary>"
        yield f"<pre>{_source(step.filename, step.lineno or 0)}</pre></details>"


def _source(filename: str, number: int) -> str:
    linecache.checkcache(filename)
    lines = linecache.getlines(filename)
    if not lines:
        return "(the source is not there)"
    shown_lines = []
    for at in range(max(1, number - _AROUND), min(len(lines), number + _AROUND) + 1):
        text = f"{at:5}  {_escape(lines[at - 1].rstrip())}"
        shown_lines.append(f'<span class="hit">{text}</span>' if at == number else text)
    return "\n".join(shown_lines)


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
