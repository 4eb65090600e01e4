#include "python/program.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "python/advice.h"
#include "python/errors.h"
#include "python/handlers.h"
#include "python/interpreter.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/runtime.h"
#include "python/source.h"

#define PLACE_MAX 256

/* What a script's run came to. */
struct ending {
    int status;
    char *outcome; /* of PYW_PROGRAM_OUTCOME_MAX */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
static struct {                                          /* under `lock` */
    const struct pyw_interpreter *interpreter; /* NULL: no script is at work */
    unsigned long thread;
} running;

/* --- being told to end ----------------------------------------------------------- */

static PyObject *system_exit(PyObject *self, PyObject *arguments)
{
    (void)self;
    (void)arguments;
    pyw_handlers_note_end();
    PyErr_SetNone(PyExc_SystemExit);
    return NULL;
}

PyObject *pyw_program_make_handler(void)
{
    static PyMethodDef method = {"system_exit", system_exit, METH_VARARGS,
                                 "Ends the program by SystemExit."};

    return PyCFunction_New(&method, NULL);
}

void pyw_program_interrupt(void)
{
    const struct pyw_interpreter *interpreter;
    unsigned long thread;

    pthread_mutex_lock(&lock);
    interpreter = running.interpreter;
    thread = running.thread;
    pthread_mutex_unlock(&lock);
    if (interpreter == NULL || interpreter->index == 0 ||
        pyw_gil_enter(interpreter->index) != 0) {
        return;
    }
    pyw_handlers_note_end();
    pyw_gil_raise(thread, PyExc_SystemExit);
    pyw_gil_leave();
    pyw_gil_leave_thread();
}

static void set_running(const struct pyw_interpreter *interpreter)
{
    pthread_mutex_lock(&lock);
    running.interpreter = interpreter;
    running.thread = pyw_gil_thread_ident();
    pthread_mutex_unlock(&lock);
}

/* --- what became of it: inside the interpreter -------------------------------------
 */

/* The status that SystemExit stands for, as for any Python program: a number, nothing,
 * or last words. Takes the exception and gives it back. */
static int read_exit_status(void)
{
    PyObject *exception = pyw_errors_take();
    PyObject *code = PyObject_GetAttrString(exception, "code");
    int status = 1;

    if (code == Py_None) {
        status = 0;
    } else if (code != NULL && PyLong_Check(code)) {
        status = (int)(PyLong_AsUnsignedLongMask(code) & 0xff);
    }
    Py_XDECREF(code);
    PyErr_Clear();
    pyw_errors_put(exception);
    return status;
}

/* An exception is pending, and is not after this. */
static void explain_failure(const struct pyw_setup *setup, const char *script,
                            double seconds, struct ending *ending)
{
    bool is_exit = PyErr_ExceptionMatches(PyExc_SystemExit) != 0;
    char name[PYW_ERRORS_NAME_MAX];

    ending->status = is_exit ? read_exit_status() : 1;
    if (is_exit && (ending->status == 0 || pyw_handlers_has_ended())) {
        PyErr_Clear();
        return;
    }
    pyw_errors_class(name);
    if (is_exit) {
        snprintf(ending->outcome, PYW_PROGRAM_OUTCOME_MAX, "exit status %d",
                 ending->status);
    } else {
        snprintf(ending->outcome, PYW_PROGRAM_OUTCOME_MAX, "%s", name);
    }
    pyw_advice_log(pyw_interpreter_current(), script, strlen(script), NULL);
    PYW_LOG(pyw_errors_log, NULL, PROGRAM_FAILED, name, script, setup->group, seconds,
            (int)getpid(), ending->status);
}

/* @return false: with an exception. */
static bool execute(const char *script)
{
    void *token = pyw_gil_release();
    int64_t mtime = 0;
    char *text = pyw_source_read(script, &mtime);
    int error = errno;
    PyObject *path;
    PyObject *module;

    pyw_gil_acquire(token);
    path = PyUnicode_DecodeFSDefault(script);
    if (text == NULL || path == NULL) {
        if (path != NULL) {
            errno = error;
            (void)PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        }
        Py_XDECREF(path);
        free(text);
        return false;
    }
    module = pyw_source_execute(text, path, mtime);
    free(text);
    Py_DECREF(path);
    Py_XDECREF(module);
    return module != NULL;
}

/* --- running -------------------------------------------------------------------- */

static void run_script(const struct pyw_setup *setup, const struct pyw_preload *preload,
                       struct ending *ending)
{
    struct pyw_span group = {preload->application_group,
                             strlen(preload->application_group)};
    struct pyw_interpreter *interpreter = pyw_interpreter_enter(group, 0, NULL);
    int64_t begun_us = pyw_clock_now_us();
    char place[PLACE_MAX];
    double seconds;

    if (interpreter == NULL) {
        ending->status = 1;
        snprintf(ending->outcome, PYW_PROGRAM_OUTCOME_MAX, "no interpreter");
        return;
    }
    pyw_interpreter_describe(interpreter, place, sizeof place);
    PYW_LOG(pyw_log_print_held, NULL, PROGRAM_BEGINS, (int)getpid(), setup->group,
            preload->script, place);
    set_running(interpreter);
    /* Told before that, when pyw_program_interrupt did not see it yet: it is over. */
    if (!pyw_handlers_has_ended() && !execute(preload->script)) {
        seconds = (double)(pyw_clock_now_us() - begun_us) / 1e6;
        explain_failure(setup, preload->script, seconds, ending);
    }
    set_running(NULL);
    if (ending->status == 0) {
        PYW_LOG(pyw_log_print_held, NULL, PROGRAM_ENDED, preload->script, setup->group,
                (double)(pyw_clock_now_us() - begun_us) / 1e6, (int)getpid());
    }
    pyw_interpreter_leave();
}

int pyw_program_run(const struct pyw_setup *setup,
                    char outcome[PYW_PROGRAM_OUTCOME_MAX])
{
    struct ending ending = {.status = 0, .outcome = outcome};
    pid_t own = getpid();

    snprintf(outcome, PYW_PROGRAM_OUTCOME_MAX, "ok");
    for (size_t i = 0;
         i < setup->preload_count && ending.status == 0 && !pyw_handlers_has_ended();
         i++) {
        run_script(setup, &setup->preloads[i], &ending);
        if (getpid() != own) {
            pyw_program_exit(ending.status);
        }
    }
    return ending.status;
}

void pyw_program_exit(int status)
{
    pyw_runtime_stop();
    _exit(status);
}
