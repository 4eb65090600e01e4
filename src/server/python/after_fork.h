/* after_fork.h: functions that an application registers by mod_pywsgi.after_fork: each
 * runs once in every process that serves, when the script it came with has been
 * imported. They are kept, and run, by api.py.
 *
 * With preload=On scripts are imported in a zygote, and the functions run in the
 * processes that are forked from it; else they run right after the script that
 * registered them, so that an application is the same with and without.
 *
 * **GIL:** held, in the interpreter that `builtin` belongs to.
 */
#ifndef PYW_PYTHON_AFTER_FORK_H
#define PYW_PYTHON_AFTER_FORK_H

#include <Python.h>

#include <stdbool.h>

#include "python/builtin.h"

/* From now on functions wait for the fork: this process is a zygote; or no longer is.
 * No GIL needed. */
void pyw_after_fork_defer(bool is_wanted);

/* The calling thread has imported a script, or failed to, with an exception pending:
 * what it registered meanwhile runs, in order, or is forgotten. In a zygote it waits.
 * @return 0; -1 with an exception: one of the functions failed, those after it are
 * forgotten. */
int pyw_after_fork_loaded(const struct pyw_builtin *builtin, bool is_success);

/* In a process that was forked from a zygote: what waited runs, in order. @return 0, or
 * -1 with an exception: one failed, those after it are forgotten. */
int pyw_after_fork_run(const struct pyw_builtin *builtin);

#endif
