#include "python/handlers.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "python/builtin.h"
#include "python/errors.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"

typedef void handler(int number);

/* By signal number. Written by the main thread, read in signal handlers. */
static struct {
    _Atomic(handler *) of_host;   /* NULL: it handles no such signal */
    _Atomic(handler *) of_python; /* NULL: the application handles no such signal */
} entries[NSIG];

static void (*wake_main)(void);
static atomic_bool has_come;
static atomic_bool has_ended; /* SIGTERM has come */

void pyw_handlers_init(void (*wake)(void))
{
    wake_main = wake;
}

/* The signal handler of the process for what both want. Python's takes note first: once
 * the host knows, the process may be at its end before this thread goes on. */
static void relay(int number)
{
    handler *host = atomic_load(&entries[number].of_host);
    handler *python = atomic_load(&entries[number].of_python);

    if (python != NULL) {
        python(number); /* only takes note */
        if (number == SIGTERM) {
            atomic_store(&has_ended, true);
        }
        atomic_store(&has_come, true);
    }
    if (host != NULL) {
        host(number); /* after that: it may ask whether the application knows */
    }
    if (python != NULL && wake_main != NULL) {
        wake_main();
    }
}

void pyw_handlers_note_end(void)
{
    atomic_store(&has_ended, true);
}

bool pyw_handlers_has_ended(void)
{
    return atomic_load(&has_ended);
}

/* The function that handles a signal, NULL: none, or one that wants more than the
 * number, as neither the host's nor Python's do. */
static handler *function_of(const struct sigaction *action)
{
    bool is_one = (action->sa_flags & SA_SIGINFO) == 0 &&
                  action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;

    return is_one ? action->sa_handler : NULL;
}

/* Those that say that the process is broken stay as they are. */
static bool is_shared(long number)
{
    static const int broken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        if (number == broken[i]) {
            return false;
        }
    }
    return number > 0 && number < NSIG;
}

/* Python has just set what it wants: the relay goes in front. */
static void adopt(int number, const struct sigaction *before)
{
    handler *host = function_of(before);
    struct sigaction now;
    handler *python;

    if (host != NULL && host != relay &&
        atomic_load(&entries[number].of_python) == NULL) {
        atomic_store(&entries[number].of_host, host);
    }
    if (sigaction(number, NULL, &now) != 0) {
        return;
    }
    python = function_of(&now);
    atomic_store(&entries[number].of_python, python);
    if (python != NULL || atomic_load(&entries[number].of_host) != NULL) {
        now.sa_handler = relay; /* with Python's flags: the main thread's calls end */
        (void)sigaction(number, &now, NULL);
    }
}

PyObject *pyw_handlers_signal(PyObject *self, PyObject *arguments)
{
    PyObject *genuine;
    PyObject *number_object;
    PyObject *wanted;
    PyObject *answer;
    struct sigaction before;
    long number;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "OOO", &genuine, &number_object, &wanted)) {
        return NULL;
    }
    number = PyLong_Check(number_object) ? PyLong_AsLong(number_object) : 0;
    PyErr_Clear(); /* a number that is none is for Python to refuse */
    if (!is_shared(number) || sigaction((int)number, NULL, &before) != 0) {
        return PyObject_CallFunctionObjArgs(genuine, number_object, wanted, NULL);
    }
    answer = PyObject_CallFunctionObjArgs(genuine, number_object, wanted, NULL);
    if (answer != NULL) {
        adopt((int)number, &before);
    }
    return answer;
}

/* Runs handlers that are due. @return 0: none is left; -1 with an exception. */
static int check_signals(void)
{
    int result = PyErr_CheckSignals();

    pyw_prelude_leave_fork("handlers of", PYW_SPAN("signals"));
    return result;
}

/* Inside the main interpreter. */
static void run_pending(void)
{
    while (check_signals() != 0) {
        if (atomic_load(&has_ended) && PyErr_ExceptionMatches(PyExc_SystemExit)) {
            PyErr_Clear(); /* the process does end */
        } else {
            PYW_LOG(pyw_errors_log, NULL, SIGNAL_HANDLER);
        }
    }
}

void pyw_handlers_run(void)
{
    if (atomic_exchange(&has_come, false) && pyw_gil_enter(0) == 0) {
        run_pending();
        pyw_gil_leave();
    }
}

void pyw_handlers_end(void)
{
    if (atomic_load(&entries[SIGTERM].of_python) != NULL &&
        !atomic_exchange(&has_ended, true) && pyw_gil_enter(0) == 0) {
        (void)PyErr_SetInterruptEx(SIGTERM);
        run_pending();
        pyw_gil_leave();
    }
}

/* What Apache's children do with these, and that their threads block them, is for
 * Apache's children. */
static void release_servers(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH};
    sigset_t none;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (atomic_load(&entries[numbers[i]].of_python) == NULL) {
            (void)signal(numbers[i], SIG_DFL);
        }
    }
    sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

void pyw_handlers_release(void)
{
    if (pyw_builtin_setup()->group[0] == '\0') {
        release_servers();
    }
    for (int number = 1; number < NSIG; number++) {
        handler *python = atomic_load(&entries[number].of_python);
        struct sigaction action;

        atomic_store(&entries[number].of_host, NULL);
        if (python != NULL && sigaction(number, NULL, &action) == 0) {
            action.sa_handler = python;
            (void)sigaction(number, &action, NULL);
        }
    }
}
