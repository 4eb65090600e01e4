/* check.c: pyw_runtime_check, the look before Python starts. No Python call but
 * Py_GetVersion. */
#include <Python.h>

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "python/runtime.h"
#include "python/venv.h"

/* Where the sentence goes. */
struct why {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int fail(const struct why *why,
                                                      const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why->text, why->size, format, arguments);
    va_end(arguments);
    return -1;
}

/* @return 0; -1 with a sentence. A thing that does not exist is fine where `may_miss`
 * says so. */
static int check_access(const struct why *why, const char *what, const char *path,
                        bool may_miss)
{
    char reason[PATH_MAX * 2];
    struct stat info;
    bool is_dir = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    int rv = pyw_path_check(path, is_dir ? R_OK | X_OK : R_OK, reason, sizeof reason);

    if (rv == 0 || (may_miss && rv == -ENOENT)) {
        return 0;
    }
    return fail(why, "%s: %s.", what, reason);
}

static const char *libpython_path(void)
{
    Dl_info info;

    return dladdr((const void *)(uintptr_t)&Py_GetVersion, &info) != 0 &&
                   info.dli_fname != NULL
               ? info.dli_fname
               : "libpython";
}

/* Version and place of the libpython that the loader found. */
static int check_libpython(const struct why *why)
{
    const char *version = Py_GetVersion();
    const char *found = libpython_path();
    size_t len = strlen(PYW_PYTHON_VERSION);
    char real_found[PATH_MAX];
    char real_built[PATH_MAX];

    if (strncmp(version, PYW_PYTHON_VERSION, len) != 0 ||
        isdigit((unsigned char)version[len])) {
        return fail(
            why,
            "This program was built for Python %s but the loader gave it '%s', which is Python %.*s. "
            "Unset LD_LIBRARY_PATH, or install mod_pywsgi again with the Python that is to be used.",
            PYW_PYTHON_VERSION, found, (int)strcspn(version, " "), version);
    }
    if (strstr(PYW_LIBPYTHON, ".so") != NULL && realpath(found, real_found) != NULL &&
        realpath(PYW_LIBPYTHON, real_built) != NULL &&
        strcmp(real_found, real_built) != 0) {
        return fail(
            why,
            "This program was built for the Python %s of '%s' but the loader gave it '%s'. Unset "
            "LD_LIBRARY_PATH, or install mod_pywsgi again with the Python that is to be used.",
            PYW_PYTHON_VERSION, real_built, real_found);
    }
    return 0;
}

/* The standard library under a prefix: what Python needs before it can say anything
 * useful. */
static int check_library(const struct why *why, const char *prefix, bool may_miss)
{
    static const struct {
        const char *place;
        bool may_miss;
    } parts[] = {
        {"lib/" PYW_PYTHON_NAME, false},
        {"lib/" PYW_PYTHON_NAME "/encodings/__init__.py", false},
        {"lib/" PYW_PYTHON_NAME "/lib-dynload", true},
        {"lib64/" PYW_PYTHON_NAME "/lib-dynload", true},
    };
    char path[PATH_MAX];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", prefix, parts[0].place);
    if (may_miss && stat(path, &info) != 0 && errno == ENOENT) {
        return 0;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", prefix, parts[i].place);
        if (check_access(why, "The standard library of Python " PYW_PYTHON_VERSION,
                         path, parts[i].may_miss) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check_venv(const struct why *why, const char *home,
                      const struct pyw_venv *venv)
{
    size_t len = strlen(PYW_PYTHON_VERSION);
    char path[PATH_MAX];

    if (venv->version[0] != '\0' &&
        (strncmp(venv->version, PYW_PYTHON_VERSION, len) != 0 ||
         isdigit((unsigned char)venv->version[len]))) {
        return fail(
            why,
            "The virtual environment '%s' is for Python %s but this program is for Python %s. Install "
            "mod_pywsgi in that environment too ('%s/bin/python -m pip install /path/to/mod_pywsgi'): what "
            "that builds for its Python is used then.",
            home, venv->version, PYW_PYTHON_VERSION, home);
    }
    snprintf(path, sizeof path, "%s/lib/" PYW_PYTHON_NAME "/site-packages", home);
    if (check_access(why, "The virtual environment", path, true) != 0) {
        return -1;
    }
    if (venv->base[0] == '\0') {
        return 0;
    }
    if (check_access(why, "The Python that the virtual environment was made with",
                     venv->base, true) != 0) {
        return -1;
    }
    return check_library(why, venv->base, true);
}

int pyw_runtime_check(const struct pyw_setup *setup, char *text, size_t size)
{
    const struct why why = {text, size};
    const char *home = setup->options.python_home;
    struct pyw_venv venv;
    struct stat info;

    if (check_libpython(&why) != 0) {
        return -1;
    }
    if (home == NULL) {
        return check_library(&why, PYW_PYTHON_PREFIX, false);
    }
    if (check_access(&why, "python-home", home, false) != 0) {
        return -1;
    }
    if (stat(home, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return fail(
            &why,
            "python-home '%s' is not a directory; it must name a virtual environment (the "
            "directory that holds pyvenv.cfg) or the prefix of a Python.",
            home);
    }
    switch (pyw_venv_read(home, &venv)) {
    case 0:
        if (check_venv(&why, home, &venv) != 0) {
            return -1;
        }
        return check_library(&why, PYW_PYTHON_PREFIX, venv.base[0] != '\0');
    case -ENOENT:
        return check_library(&why, home, false);
    default:
        return check_access(&why, "python-home", venv.path, false);
    }
}
