#include "python/after_fork.h"

#include "python/errors.h"

static bool is_deferred; /* written while the process has one thread */

void pyw_after_fork_defer(bool is_wanted)
{
    is_deferred = is_wanted;
}

static int run(const struct pyw_builtin *builtin, bool of_all, bool is_wanted)
{
    PyObject *result = PyObject_CallFunction(builtin->run_after_fork, "OO",
                                             of_all ? Py_True : Py_False,
                                             is_wanted ? Py_True : Py_False);

    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Keeps the pending exception. */
static void forget(const struct pyw_builtin *builtin)
{
    PyObject *failure = pyw_errors_take();

    if (run(builtin, false, false) != 0) {
        PyErr_Clear(); /* out of memory: some may run beside those of the next try */
    }
    if (failure != NULL) {
        pyw_errors_put(failure);
    }
}

int pyw_after_fork_loaded(const struct pyw_builtin *builtin, bool is_success)
{
    if (!is_success) {
        forget(builtin);
        return 0;
    }
    return is_deferred ? 0 : run(builtin, false, true);
}

int pyw_after_fork_run(const struct pyw_builtin *builtin)
{
    return run(builtin, true, true);
}
