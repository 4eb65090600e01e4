"""Plan to text. Every value passes a quoting filter; templates hold layout and no policy."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mod_pywsgi.errors import ConfigError
from mod_pywsgi.plan import Plan
from mod_pywsgi.rotation import Rotation
from mod_pywsgi.unit import Unit
from mod_pywsgi.vhost import Site

_UNSAFE = re.compile(r"[\0\r\n]|\$\{")


def quote(value: object) -> str:
    """An argument of an Apache directive, in double quotes.

    :raises ConfigError: the value cannot be written: Apache ends a directive at a line
        break whatever the quotes, and expands ``${`` inside them too.
    """
    text = _checked(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def quote_directory(value: object) -> str:
    """The argument of a <Directory> section, where wildcards have a meaning.

    :raises ConfigError: the path has one.
    """
    text = str(value)
    if re.search(r"[*?\[\]]", text):
        raise ConfigError(f"Apache takes a wildcard in a path for a pattern: {text}.", "Rename it.")
    return quote(value)


def quote_rewrite(prefix: object, suffix: str = "") -> str:
    """An argument of mod_rewrite: a literal, then text in which ``%{NAME}`` is expanded.

    :raises ConfigError: it holds quotes of both kinds, of which mod_rewrite allows one.
    """
    return _rewrite_argument(re.sub(r"([\\$%])", r"\\\1", _checked(prefix)) + suffix)


def quote_other_urls(url: object) -> str:
    """The pattern of mod_rewrite for a URL that is neither this one nor below it.

    :raises ConfigError: as quote_rewrite.
    """
    return _rewrite_argument("!^" + re.escape(_checked(url).rstrip("/")) + "(?:/|$)")


def quote_exact_url(url: object) -> str:
    """The pattern of a directive's argument for this URL and no other."""
    return quote("^" + re.escape(_checked(url)) + "$")


def quote_expression_below(url: object) -> str:
    """In an expression that stands in double quotes: a pattern for this URL and all below it."""
    pattern = re.escape(_checked(url).rstrip("/")).replace("\\#", "\\x23").replace('"', "\\x22")
    return f"m#^{pattern}(?:/|$)#".replace("\\", "\\\\")


def quote_ending(ending: object) -> str:
    """The pattern of a directive's argument for names that end like this."""
    return quote(re.escape(_checked(ending)) + "$")


def quote_header(value: object) -> str:
    r"""A value of mod_headers, which takes % for the beginning of a variable, and \n for a line's end."""
    return quote(_checked(value).replace("\\", "\\\\").replace("%", "%%"))


def _rewrite_argument(text: str) -> str:
    """mod_rewrite reads its arguments by rules of its own: in quotes nothing is escaped."""
    for mark in ('"', "'"):
        if mark not in text:
            return f"{mark}{text}{mark}"
    raise ConfigError(f"mod_rewrite cannot be told of a path with both kinds of quotes: {text}.")


def word(value: object) -> str:
    """The name of a directive, option or module: ours, never the user's."""
    text = str(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", text):
        raise ValueError(f"not a plain word: {text!r}")
    return text


def quote_number(value: object) -> str:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not a number: {value!r}")
    return str(value)


def quote_python(value: object) -> str:
    """A literal in a Python source."""
    if isinstance(value, Path):
        value = str(value)
    return ascii(value)


def quote_shell(value: object) -> str:
    """One word of a shell command, in single quotes."""
    text = str(value)
    if "\0" in text:
        raise ConfigError("A NUL character cannot be passed to a program.")
    return "'" + text.replace("'", "'\\''") + "'"


def quote_variable(value: object) -> str:
    """The name of a shell variable.

    :raises ConfigError: it is none.
    """
    text = str(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ConfigError(f"A shell has no variable of the name {text!r}.")
    return text


def shebang(value: object) -> str:
    """A program behind ``#!``, where nothing can be quoted.

    :raises ConfigError: its path has blanks, or is too long.
    """
    text = str(value)
    if not re.fullmatch(r"/[!-~]{1,120}", text):
        raise ConfigError(f"A script cannot name a shell of this path: {text!r}.")
    return text


def unit_text(value: object) -> str:
    """The rest of a line in a unit of systemd, taken as it stands.

    :raises ConfigError: the line cannot hold it.
    """
    text = str(value)
    if re.search(r"[\0\r\n]", text) or text != text.strip() or text.endswith("\\"):
        raise ConfigError(f"A unit of systemd cannot hold this: {text!r}.", "Choose another value.")
    return text.replace("%", "%%")


def unit_quote(value: object) -> str:
    """A word in a unit of systemd, in double quotes.

    :raises ConfigError: the line cannot hold it.
    """
    text = str(value)
    if re.search(r"[\0\r\n]", text):
        raise ConfigError(f"A unit of systemd cannot hold this: {text!r}.", "Choose another value.")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def unit_word(value: object) -> str:
    """A word of a command in a unit, where variables would be filled in.

    :raises ConfigError: the line cannot hold it.
    """
    return unit_quote(value).replace("$", "$$")


def logrotate_quote(value: object) -> str:
    """The path of a log for logrotate, in double quotes.

    :raises ConfigError: logrotate would take it for something else.
    """
    text = str(value)
    if re.search(r'[\0\r\n"\\*?\[\]{}]', text):
        raise ConfigError(f"logrotate cannot be told of this path: {text!r}.", "Choose another.")
    return f'"{text}"'


def logrotate_word(value: object) -> str:
    """The name of a user or group for logrotate.

    :raises ConfigError: it has blanks and the like.
    """
    text = str(value)
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.@$-]*", text):
        raise ConfigError(f"logrotate cannot be told of this name: {text!r}.", "Give it a name.")
    return text


def _checked(value: object) -> str:
    text = str(value)
    found = _UNSAFE.search(text)
    if found:
        raise ConfigError(
            f"An Apache configuration cannot hold {found[0]!r}, as in {text!r}.",
            "Rename the file or choose another value.",
        )
    return text


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mod_pywsgi"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML here; the filters quote
    )
    environment.filters.update(
        q=quote,
        qdir=quote_directory,
        qrewrite=quote_rewrite,
        qnot=quote_other_urls,
        qexact=quote_exact_url,
        qending=quote_ending,
        qheader=quote_header,
        xbelow=quote_expression_below,
        word=word,
        n=quote_number,
        py=quote_python,
        sh=quote_shell,
        shebang=shebang,
        variable=quote_variable,
        sdtext=unit_text,
        sdquote=unit_quote,
        sdword=unit_word,
        lrquote=logrotate_quote,
        lrword=logrotate_word,
    )
    return environment


def httpd_conf(plan: Plan) -> str:
    """The server's configuration."""
    return _render("httpd.conf.j2", plan=plan)


def handler_script(plan: Plan) -> str:
    """The script that stands before the application; only where the plan has one."""
    return _render("handler.wsgi.j2", handler=plan.application.handler)


def resource_script(plan: Plan) -> str:
    """The script that answers for files with certain endings; only where the plan has some."""
    return _render("resource.wsgi.j2", endings=plan.static.endings)


def rewrite_rules(plan: Plan) -> str:
    """The file of rules that the user may edit."""
    return _render("rewrite.conf.j2", plan=plan)


def apachectl(plan: Plan) -> str:
    """The control script."""
    return _render("apachectl.j2", plan=plan)


def envvars(plan: Plan) -> str:
    """The file of variables that the user may edit."""
    return _render("envvars.j2", plan=plan)


def systemd_unit(unit: Unit) -> str:
    """A unit of systemd."""
    return _render("systemd.service.j2", unit=unit)


def site(made: Site) -> str:
    """A site of the system's Apache."""
    return _render("site.conf.j2", site=made)


def logrotate(rotation: Rotation) -> str:
    """A snippet for logrotate."""
    return _render("logrotate.j2", rotation=rotation)


def _render(template: str, **context: Any) -> str:
    return _environment().get_template(template).render(**context)
