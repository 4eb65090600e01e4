"""From lines to findings: what changes, what needs a person, what is worth knowing."""

import enum
import fnmatch
import itertools
import locale
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mod_pywsgi.migrate import environments, facts, reader
from mod_pywsgi.migrate.model import Fact, Number, Verdict
from mod_pywsgi.migrate.reader import Line

OWN_FILE = "mod_pywsgi.so"
_SYMBOLS = ("wsgi_module", "pywsgi_module")
# A variable of Apache's: what it holds is not known here.
_VARIABLE = "${"


class Kind(enum.Enum):
    """The value is the word in the report."""

    CHANGE = "change"
    PERSON = "to do"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """Something to say about a line.

    :param replacement: for a change, the line that takes its place.
    """

    kind: Kind
    line: Line
    text: str
    replacement: str | None = None


@dataclass(frozen=True)
class Context:
    """What the rules need to know besides the line.

    :param module: path of the module, quoted for Apache; None: it is not installed.
    :param own_version: the Python that it was built for.
    :param own_home: the Python that applications run in without WSGIPythonHome.
    :param root: directory that was read, or that of the file.
    :param symbol: the LoadModule name.
    :param parameters: those of the macros (mod_macro) that were read so far.
    """

    module: str | None
    own_version: str
    own_home: str
    root: Path
    symbol: str = "wsgi_module"
    has_home: bool = False
    said: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)


Rule = Callable[[Line, Context], Iterator[Finding]]


def examine(lines: Iterable[Line], context: Context) -> Iterator[Finding]:
    """All findings, in order of the lines."""
    for line in lines:
        rule = _RULES.get(line.name.lower())
        if rule is not None:
            yield from rule(line, context)
        yield from _name(line, context)


def _note(line: Line, text: str) -> Finding:
    return Finding(Kind.NOTE, line, text)


def _person(line: Line, text: str) -> Finding:
    return Finding(Kind.PERSON, line, text)


def _is_variable(text: str, context: Context) -> bool:
    """Whether what stands there is known only to Apache: a variable, a parameter of a macro."""
    return _VARIABLE in text or any(name in text for name in context.parameters)


def _macro(line: Line, context: Context) -> Iterator[Finding]:
    context.parameters.update(word for word in line.words()[1:] if re.match(r"[$%@].", word))
    return iter(())


# Loading


def _load_module(line: Line, context: Context) -> Iterator[Finding]:
    words = line.words()
    if len(words) < 2 or words[0] not in _SYMBOLS:
        return
    if words[0] != context.symbol:
        yield _person(line, f"the module is loaded as {context.symbol} too: take one line out.")
        return
    if PurePosixPath(words[1]).name == OWN_FILE:
        if words[1].startswith("/") and not Path(words[1]).exists():
            yield _person(line, f"{words[1]} is not there; `module-location` says where it is.")
        return
    if context.module is None:
        yield _person(line, "mod_pywsgi.so is not installed for this Python: install it first.")
        return
    yield Finding(
        Kind.CHANGE,
        line,
        "the path of mod_pywsgi.so",
        f"LoadModule {words[0]} {context.module}",
    )
    if not context.has_home and not _is_said("home", context):
        yield _note(
            line,
            f"without WSGIPythonHome, applications see the packages of {context.own_home}"
            f" (Python {context.own_version}).",
        )


def _load_file(line: Line, context: Context) -> Iterator[Finding]:
    for word in line.words():
        if re.match(r"libpython[\d.]*\.", PurePosixPath(word).name):
            yield Finding(
                Kind.CHANGE,
                line,
                "taken out: Apache itself needs no libpython, and another one would be in the way",
                f"#{line}",
            )
            return


def _if_module(line: Line, context: Context) -> Iterator[Finding]:
    words = line.words()
    name = words[0].removeprefix("!") if words else ""
    if "wsgi" not in name.lower() or not line.is_section:
        return
    holds = name in ("mod_wsgi.c", "mod_pywsgi.c", context.symbol)
    answer = "holds" if holds is not words[0].startswith("!") else "does not hold"
    answer += " once the module is loaded" * holds
    if name in _SYMBOLS and not holds:
        answer += f", since the module is loaded as {context.symbol}"
    elif not holds:
        answer += "; the same with mod_wsgi"
    yield _note(line, f"{line} {answer}.")


def _include(line: Line, context: Context) -> Iterator[Finding]:
    for word in line.words()[:1]:
        if _is_variable(word, context):
            yield _note(line, "names files by a variable: see that they were read too.")
        elif _leads_outside(word, context.root):
            yield _note(line, "includes files elsewhere: run this command on them too.")


def _leads_outside(pattern: str, root: Path) -> bool:
    """Whether an included file was not read. A relative one begins at ServerRoot, mostly the root."""
    inside = root.resolve()
    parts = itertools.takewhile(lambda part: not re.search(r"[*?\[]", part), Path(pattern).parts)
    fixed = inside.joinpath(*parts)
    return not fixed.resolve().is_relative_to(inside) or not fixed.exists()


def includes(line: Line, path: Path, context: Context) -> bool:
    """Whether a line includes a file: by its name, a pattern, or its directory."""
    if line.name.lower() not in ("include", "includeoptional"):
        return False
    patterns = [context.root.resolve() / word for word in line.words()[:1]]
    whole = path.resolve()
    return any(
        fnmatch.fnmatchcase(str(whole), str(pattern)) or pattern in whole.parents
        for pattern in patterns
    )


# Names


def _name(line: Line, context: Context) -> Iterator[Finding]:
    """What the table says of a directive."""
    if not line.name.lower().startswith("wsgi"):
        return
    if what := facts.dropped(line.name):
        yield _person(line, f"mod_wsgi has dropped {line.name}: {what}.")
    elif (fact := facts.directive(line.name)) is None:
        yield _person(line, f"{line.name} is no directive of mod_wsgi's.")
    else:
        yield from _verdict(line, fact.name, fact, context)


def _verdict(line: Line, shown: str, fact: Fact, context: Context) -> Iterator[Finding]:
    """Refusals each time, differences once."""
    if fact.verdict is Verdict.REFUSED:
        yield _person(line, f"{shown} is refused. {_plain(fact.text)}")
    elif fact.verdict is Verdict.DIFFERS and not _is_said(shown, context):
        yield _note(line, f"{shown}: {_plain(fact.text)}")


def _is_said(what: str, context: Context) -> bool:
    if what in context.said:
        return True
    context.said.add(what)
    return False


def _plain(text: str) -> str:
    return text.replace("`", "").replace("*", "")


# Values


def _python_home(line: Line, context: Context) -> Iterator[Finding]:
    for word in line.words()[:1]:
        yield from _environment(line, word, context)


def _environment(line: Line, home: str, context: Context) -> Iterator[Finding]:
    if _is_variable(home, context) or not home.startswith("/") or _is_said(f"home {home}", context):
        return
    if lack := environments.look(home, context.own_version):
        yield _person(line, lack.text) if lack.is_needed else _note(line, lack.text)


def _daemon_process(line: Line, context: Context) -> Iterator[Finding]:
    _, _, rest = line.arguments.partition(" ")
    pairs, nonsense = reader.options(rest)
    for name, value in pairs:
        yield from _option(line, name, value, context)
    if nonsense and not _is_variable(nonsense, context):
        yield _person(line, f"no option of the form name=value: {nonsense}")


def _option(line: Line, name: str, value: str, context: Context) -> Iterator[Finding]:
    if name in facts.OWN_OPTIONS:
        return
    fact = facts.option(name)
    if fact is None:
        yield _person(line, f"{name}= is no option of mod_wsgi's.")
        return
    if _is_variable(value, context):
        yield _note(line, f"{name}= is a variable: its value is not checked here.")
        return
    if fact.number and (wrong := _wrong_number(fact.number, value)):
        yield _person(line, f"{name}={value} is {wrong}.")
        return
    if fact.is_path and not value.startswith("/"):
        yield _person(line, f"{name}={value}: give an absolute path.")
        return
    if name in ("lang", "locale") and not _has_locale(value):
        yield _person(line, f"{name}={value}: this system has no such locale (`locale -a`).")
        return
    yield from _verdict(line, f"{name}=", fact, context)
    if name == "python-home":
        yield from _environment(line, value, context)


def _has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except (locale.Error, ValueError):
        return False
    locale.setlocale(locale.LC_ALL, before)
    return True


def _wrong_number(rule: Number, value: str) -> str | None:
    """Why a value is not accepted, and what mod_wsgi, which reads the digits in front, made of it."""
    digits = r"[0-7]+" if rule.base == 8 else r"\d+"
    sign = "-?" if rule.low < 0 else ""
    if not re.fullmatch(sign + digits, value, re.ASCII):
        return _not_a_number(rule, value)
    number = int(value, rule.base)
    if number == 0 and rule.zero:
        return None
    if number < rule.low:
        return f"less than {rule.low}"
    if rule.high is not None and number > rule.high:
        return f"more than {rule.high}"
    return None


def _not_a_number(rule: Number, value: str) -> str:
    if rule.base == 8:
        return "not an octal number"
    made = re.match(r"\d+", value, re.ASCII)
    return f"not a number; mod_wsgi made {made[0]} of it: write that" if made else "not a number"


_RULES: dict[str, Rule] = {
    "loadmodule": _load_module,
    "macro": _macro,
    "loadfile": _load_file,
    "ifmodule": _if_module,
    "include": _include,
    "includeoptional": _include,
    "wsgipythonhome": _python_home,
    "wsgidaemonprocess": _daemon_process,
}
