"""Look into what was built: symbols.py APACHE_HALF_DIRECTORY PYTHON_HALF_DIRECTORY.

The Apache module must need nothing of Python and show the server its module records only; the programs of
the Python half must need nothing of httpd and APR; none may lack a function of our own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PYTHON_SYMBOL = re.compile(r"_?Py[A-Z_]\w*$")
HTTPD_SYMBOL = re.compile(r"(ap|apr|apu)_\w+$")
OWN_SYMBOL = re.compile(r"pyw_\w+$")
MODULE_RECORDS = {"wsgi_module", "pywsgi_module"}


def dynamic_symbols(program: Path, *options: str) -> set[str]:
    """Names in the dynamic symbol table, without versions."""
    command = ["nm", "-D", *options, str(program)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in output.splitlines()}


def matching(pattern: re.Pattern[str], names: set[str]) -> list[str]:
    return sorted(name for name in names if pattern.match(name))


def module_faults(module: Path) -> list[str]:
    faults = []
    if needed := matching(PYTHON_SYMBOL, dynamic_symbols(module, "--undefined-only")):
        faults.append(f"{module} needs {', '.join(needed)} of Python")
    faults += own_faults(module)
    shown = dynamic_symbols(module, "--defined-only")
    if shown != MODULE_RECORDS:
        faults.append(
            f"{module} exports {sorted(shown)}; it should export {sorted(MODULE_RECORDS)}"
        )
    return faults


def program_faults(program: Path) -> list[str]:
    faults = own_faults(program)
    if needed := matching(HTTPD_SYMBOL, dynamic_symbols(program, "--undefined-only")):
        faults.append(f"{program} needs {', '.join(needed)} of httpd or APR")
    return faults


def own_faults(program: Path) -> list[str]:
    """A shared object links without a function that nobody defines, and fails when it is loaded."""
    missing = matching(OWN_SYMBOL, dynamic_symbols(program, "--undefined-only"))
    return [f"{program} lacks {', '.join(missing)}"] if missing else []


def main() -> None:
    apache_half, python_half = Path(sys.argv[1]), Path(sys.argv[2])
    faults = module_faults(apache_half / "mod_pywsgi.so")
    for name in ("pywsgi-daemon", "pywsgi-embed.so"):
        if (python_half / name).exists():
            faults += program_faults(python_half / name)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
