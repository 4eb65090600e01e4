"""Tell configure how to compile and link against the Python that runs this file.

Prints shell assignments, one fact a line. Run by any Python, old ones too: the refusal of an old
version is configure's to word. An empty value means "not found".
"""

import os
import sys
import sysconfig

STATIC = "static"
SHARED = "shared"


def config(name):
    return str(sysconfig.get_config_var(name) or "")


def unique(values):
    kept = []
    for value in values:
        if value and value not in kept:
            kept.append(value)
    return kept


def first_file(directories, names):
    """The first existing directory/name, or an empty string."""
    for directory in directories:
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                return path
    return ""


def include_directories():
    paths = [sysconfig.get_path("platinclude"), sysconfig.get_path("include")]
    return [path for path in unique(paths) if os.path.isdir(path)]


def library_directories():
    """Where a libpython may lie, the likeliest place first.

    In a relocated Python, sysconfig names the place that it was built for: another one may lie there.
    """
    libdir = config("LIBDIR")
    multiarch = config("MULTIARCH")
    prefix = getattr(sys, "base_prefix", sys.prefix)
    told = [libdir, os.path.join(libdir, multiarch) if multiarch else ""]
    beneath = [os.path.join(prefix, "lib"), os.path.join(prefix, "lib64")]
    is_relocated = not libdir.startswith(os.path.join(prefix, ""))
    places = beneath + told if is_relocated else told + beneath
    return unique(places + [config("LIBPL")])


def shared_facts():
    """Link name and run-time file of the shared libpython (some builds have one and deny it)."""
    stem = "libpython" + (config("LDVERSION") or config("VERSION"))
    directories = library_directories()
    # INSTSONAME is the archive's name where sysconfig believes in a static build.
    soname = first_file(
        directories, [n for n in (config("INSTSONAME"), stem + ".so.1.0") if ".so" in n]
    )
    if not soname:
        return None
    link = first_file([os.path.dirname(soname)], [stem + ".so"]) or soname
    return {"link": link, "libpython": soname, "libs": "", "ldflags": ""}


def static_facts():
    stem = "libpython" + (config("LDVERSION") or config("VERSION"))
    directories = unique([config("LIBPL")] + library_directories())
    archive = first_file(directories, [stem + ".a"])
    if not archive:
        return None
    libs = " ".join([config("LIBS"), config("SYSLIBS"), config("MODLIBS")])
    return {
        "link": archive,
        "libpython": "",
        "libs": " ".join(
            unique(word for word in libs.split() if not word.startswith("-Wl,-rpath"))
        ),
        "ldflags": config("LINKFORSHARED") or "-Wl,--export-dynamic",
    }


def linking(wanted):
    """(kind, facts) of the libpython to link: shared where there is one and none was asked for."""
    finders = [(SHARED, shared_facts), (STATIC, static_facts)]
    for kind, find in finders:
        facts = find() if wanted in ("auto", kind) else None
        if facts:
            return kind, facts
    return "", {"link": "", "libpython": "", "libs": "", "ldflags": ""}


def main(wanted):
    kind, facts = linking(wanted)
    includes = include_directories()
    facts.update(
        {
            "version": "%d.%d" % sys.version_info[:2],
            # "python3.13", or "python3.13t" of a free-threaded build: the standard library's folder
            "name": os.path.basename(os.path.dirname(os.__file__)),
            "prefix": getattr(sys, "base_prefix", sys.prefix),
            "header": first_file(includes, ["Python.h"]),
            "includes": " ".join("-isystem " + path for path in includes),
            "kind": kind,
        }
    )
    for name in sorted(facts):
        value = facts[name].replace("'", "'\\''")
        print("pyw_py_%s='%s'" % (name, value))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "auto")
