"""Options of express: each has a test that shows it at work, and docs/express.md says which.

A test says so itself: ``@pytest.mark.option("port")``, on a function, a class, a parameter or a module.

    python tests/lint/check_options.py           complain
    python tests/lint/check_options.py --write   bring the page up to date
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from source import ROOT, complaint, files, main

sys.path.insert(0, str(ROOT / "python"))

from mod_pywsgi.options import OPTIONS

PAGE = "docs/express.md"
BEGIN = "<!-- tests of options: written by `tests/lint/check_options.py --write`, not by hand -->"
END = "<!-- end of tests of options -->"
NAMES = "tests/python/options/mod_wsgi_express.txt"

# For each option the places of its tests, "file::function".
Tests = Mapping[str, list[str]]


def marks(tree: ast.AST) -> Iterator[str]:
    """The options that calls of pytest.mark.option, or of a short name for it, in this tree name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name == "option" or name.endswith("mark.option"):
            for argument in node.args:
                for part in ast.walk(argument):
                    if isinstance(part, ast.Constant):
                        yield str(part.value)


def tests_of(path: Path, label: str) -> Iterator[tuple[str, str]]:
    """The options marked in a file, with where."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                for name in marks(decorator):
                    yield name, f"{label}::{node.name}"
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            for name in marks(node.value):
                yield name, label


def collect(root: Path) -> Tests:
    found: dict[str, list[str]] = {}
    for path in files(root, "tests", ".py"):
        if path.name.startswith("test_"):
            for name, place in tests_of(path, str(path.relative_to(root / "tests"))):
                if place not in found.setdefault(name, []):
                    found[name].append(place)
    return found


def table(root: Path, tests: Tests) -> str:
    """Markdown: mod_wsgi-express's options, then ours, each with its tests."""
    theirs = (root / NAMES).read_text(encoding="utf-8").split()
    ours = [option.name for option in OPTIONS if option.name not in theirs]
    parts = []
    for title, names in (
        (f"The {len(theirs)} options of mod_wsgi-express", theirs),
        ("Options that mod_wsgi-express does not have", ours),
    ):
        parts.append(f"### {title}\n\n| Option | Tests |\n|---|---|\n")
        for name in names:
            places = ", ".join(f"`{place}`" for place in tests.get(name, [])[:3])
            parts.append(f"| `--{name}` | {places} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n")


def page_with(text: str, inserted: str) -> str | None:
    """The page with the table renewed; None where it has no place for it."""
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{inserted}\n\n{END}{after}" if found and closed else None


def check(root: Path) -> Iterator[str]:
    tests = collect(root)
    page = root / PAGE
    known = {name for option in OPTIONS for name in (option.name, *option.aliases)}
    theirs = (root / NAMES).read_text(encoding="utf-8").split()
    for name in sorted(tests.keys() - known):
        yield complaint(root, root / "tests", 0, f"{tests[name][0]} marks --{name}: no such option")
    for name in sorted(set(theirs) - known):
        yield complaint(root, root / NAMES, 0, f"--{name} is not in the table of options")
    for name in sorted(known - tests.keys()):
        yield complaint(root, root / "tests", 0, f"no test is marked as the one of --{name}")
    text = page.read_text(encoding="utf-8")
    if page_with(text, table(root, tests)) != text:
        yield complaint(root, page, 0, f"is not up to date: {sys.executable} {__file__} --write")


def write(root: Path) -> None:
    page = root / PAGE
    made = page_with(page.read_text(encoding="utf-8"), table(root, collect(root)))
    if made is None:
        sys.exit(f"{PAGE} has no part between {BEGIN!r} and {END!r}")
    page.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write(ROOT)
    else:
        main(check)
