#include "python/schedule.h"

#include <Python.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "python/dicts.h"
#include "python/errors.h"
#include "python/log.h"
#include "python/program.h"
#include "python/pyw_gil.h"
#include "python/sources.h"

static const struct pyw_setup *setup;
static PyObject *job; /* strong; of the main interpreter, where all of this runs */

/* --- what schedule.py calls ---------------------------------------------------------
 */

/* In the process that was forked off; does not come back. */
static PyObject *run_job(PyObject *self, PyObject *arguments)
{
    char outcome[PYW_PROGRAM_OUTCOME_MAX];
    int owner;
    int fd;
    int status;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "ii", &owner, &fd)) {
        _exit(1);
    }
    (void)pyw_gil_release(); /* for good: the program takes it as it needs it */
    (void)signal(SIGXCPU, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)owner) {
        _exit(1); /* it ended before the line above asked to be told */
    }
    status = pyw_program_run(setup, outcome);
    if (status != 0) {
        (void)!write(fd, outcome, strlen(outcome)); /* else the status says it */
    }
    pyw_program_exit(status);
}

static PyObject *announce(PyObject *self, PyObject *when)
{
    const char *text = PyUnicode_AsUTF8(when);

    (void)self;
    if (text == NULL) {
        return NULL;
    }
    pyw_log_print_held(NULL, PYW_LEVEL_INFO,
                       "Job '%s' runs by schedule='%s'; next at %s.", setup->group,
                       setup->options.schedule, text);
    Py_RETURN_NONE;
}

static PyObject *report(PyObject *self, PyObject *arguments)
{
    int is_failure;
    int number;
    const char *outcome;
    double seconds;
    const char *next;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "pisds", &is_failure, &number, &outcome, &seconds,
                          &next)) {
        return NULL;
    }
    if (is_failure) {
        PYW_LOG(pyw_log_print_held, NULL, JOB_FAILED, setup->group, number, outcome,
                seconds, next);
    } else {
        PYW_LOG(pyw_log_print_held, NULL, JOB_ENDED, setup->group, number, outcome,
                seconds, next);
    }
    Py_RETURN_NONE;
}

static PyObject *report_skipped(PyObject *self, PyObject *arguments)
{
    const char *due;
    int number;
    double seconds;
    const char *overlap;
    const char *next;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "sidss", &due, &number, &seconds, &overlap,
                          &next)) {
        return NULL;
    }
    PYW_LOG(pyw_log_print_held, NULL, JOB_SKIPPED, setup->group, due, number, seconds,
            overlap, next);
    Py_RETURN_NONE;
}

/* --- start -------------------------------------------------------------------------
 */

static PyMethodDef methods[] = {
    {"run_job", run_job, METH_VARARGS, NULL},
    {"announce", announce, METH_O, NULL},
    {"report", report, METH_VARARGS, NULL},
    {"report_skipped", report_skipped, METH_VARARGS, NULL},
};

static int offer_settings(PyObject *dict)
{
    const struct pyw_options *options = &setup->options;
    const char *overlap = options->schedule_overlap;

    return pyw_dicts_put(dict, "schedule",
                         PyUnicode_DecodeFSDefault(options->schedule)) != 0 ||
                   pyw_dicts_put(
                       dict, "overlap",
                       PyUnicode_FromString(overlap != NULL ? overlap : "skip")) != 0 ||
                   pyw_dicts_put(dict, "timeout",
                                 PyLong_FromLongLong(options->schedule_timeout_s)) !=
                       0 ||
                   pyw_dicts_put(dict, "shutdown_timeout",
                                 PyLong_FromLongLong(options->shutdown_timeout_s)) !=
                       0 ||
                   pyw_dicts_put(dict, "system_exit", pyw_program_make_handler()) != 0
               ? -1
               : 0;
}

/* New reference to what schedule.py gets to work with; NULL with an exception. */
static PyObject *offer(void)
{
    PyObject *dict = PyDict_New();
    int result = dict != NULL ? offer_settings(dict) : -1;

    for (size_t i = 0; result == 0 && i < sizeof methods / sizeof methods[0]; i++) {
        result =
            pyw_dicts_put(dict, methods[i].ml_name, PyCFunction_New(&methods[i], NULL));
    }
    if (result != 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* New reference to the names that schedule.py defines; NULL with an exception. */
static PyObject *execute_source(void)
{
    PyObject *names = PyDict_New();
    PyObject *code = NULL;
    PyObject *result = NULL;

    if (names != NULL &&
        pyw_dicts_put(names, "__builtins__", PyImport_ImportModule("builtins")) == 0 &&
        pyw_dicts_put(names, "__name__", PyUnicode_FromString("mod_wsgi")) == 0) {
        code = Py_CompileString(pyw_sources_schedule, "<mod_pywsgi schedule>",
                                Py_file_input);
    }
    result = code != NULL ? PyEval_EvalCode(code, names, names) : NULL;
    if (result == NULL) {
        Py_CLEAR(names);
    }
    Py_XDECREF(code);
    Py_XDECREF(result);
    return names;
}

static PyObject *make_job(PyObject *names)
{
    PyObject *offered = offer();
    PyObject *prepare = PyDict_GetItemString(names, "prepare"); /* borrowed */
    PyObject *made = offered != NULL && prepare != NULL
                         ? PyObject_CallOneArg(prepare, offered)
                         : NULL;

    Py_XDECREF(offered);
    return made;
}

/* A refusal is a sentence; anything else has a traceback. */
static void explain(PyObject *names)
{
    PyObject *refusal = names != NULL ? PyDict_GetItemString(names, "Refusal") : NULL;
    PyObject *exception;
    PyObject *text;

    if (refusal == NULL || !PyErr_ExceptionMatches(refusal)) {
        PYW_LOG(pyw_errors_log, NULL, SCHEDULE_FAILED, setup->group,
                "an exception was raised.");
        return;
    }
    exception = pyw_errors_take();
    text = PyObject_Str(exception);
    PYW_LOG(pyw_log_print_held, NULL, SCHEDULE_FAILED, setup->group,
            text != NULL ? PyUnicode_AsUTF8(text) : "?");
    Py_XDECREF(text);
    Py_DECREF(exception);
}

int pyw_schedule_prepare(const struct pyw_setup *process_setup)
{
    PyObject *names;

    setup = process_setup;
    if (pyw_gil_enter(0) != 0) {
        return -1;
    }
    names = execute_source();
    job = names != NULL ? make_job(names) : NULL;
    if (job == NULL) {
        explain(names);
    }
    Py_XDECREF(names);
    pyw_gil_leave();
    return job != NULL ? 0 : -1;
}

int pyw_schedule_run(void)
{
    PyObject *result;

    if (pyw_gil_enter(0) != 0) {
        return 1;
    }
    result = PyObject_CallMethod(job, "run", NULL);
    if (result == NULL) {
        explain(NULL);
    }
    Py_XDECREF(result);
    pyw_gil_leave();
    return result != NULL ? 0 : 1;
}
