"""Templates of httpd.conf: every value passes a filter that quotes it, so that none can add a directive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from source import complaint, files, main

TEMPLATES = "python/mod_pywsgi/templates"
# Filters that give text which is safe where a directive's argument stands.
QUOTING = {
    *("q", "qdir", "qrewrite", "qnot", "qexact", "qending", "qheader", "xbelow", "word", "n", "py"),
    *("sh", "shebang", "variable", "sdtext", "sdquote", "sdword", "lrquote", "lrword"),
}
VALUE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
LAST_FILTER = re.compile(r"\|\s*(\w+)\s*(\([^|]*\))?\s*$")


def check(root: Path) -> Iterator[str]:
    for path in files(root, TEMPLATES, ".j2"):
        text = path.read_text(encoding="utf-8")
        for match in VALUE.finditer(text):
            last = LAST_FILTER.search(match.group(1))
            if last is None or last.group(1) not in QUOTING:
                line = text.count("\n", 0, match.start()) + 1
                allowed = ", ".join(sorted(QUOTING))
                yield complaint(
                    root, path, line, f"{match.group()} ends in none of the filters {allowed}"
                )


if __name__ == "__main__":
    main(check)
