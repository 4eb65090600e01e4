/* venv.h: what pyvenv.cfg says of a virtual environment.
 *
 * Read as the application's user (the daemon's own identity), never as root.
 */
#ifndef PYW_PYTHON_VENV_H
#define PYW_PYTHON_VENV_H

#include <limits.h>

struct pyw_venv {
    char path[PATH_MAX]; /* of pyvenv.cfg */
    char version[32];    /* "3.11.2"; "" when it does not say */
    char
        base[PATH_MAX]; /* the prefix that the environment was made with; "" likewise */
    char program[PATH_MAX]; /* its python program */
};

/* @return 0; -ENOENT: `home` is no virtual environment; another -errno: it cannot be
 * read. */
int pyw_venv_read(const char *home, struct pyw_venv *venv);

#endif
