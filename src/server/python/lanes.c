#include "python/lanes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "python/builtin.h"
#include "python/errors.h"
#include "python/log.h"

#define PLACE_MAX 256
#define NAMES_MAX 256

/* What the thread's script or request was refused so far. */
static __thread struct {
    char any[NAMES_MAX];     /* the last of all; "": none */
    char foreign[NAMES_MAX]; /* those that are not the standard library's */
} refused;

void pyw_lanes_forget(void)
{
    refused.any[0] = '\0';
    refused.foreign[0] = '\0';
}

PyObject *pyw_lanes_note_refusal(PyObject *self, PyObject *arguments)
{
    size_t len = strlen(refused.foreign);
    const char *name;
    int is_standard;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "sp", &name, &is_standard)) {
        return NULL;
    }
    snprintf(refused.any, sizeof refused.any, "%s", name);
    if (!is_standard && strstr(refused.foreign, name) == NULL) {
        snprintf(refused.foreign + len, sizeof refused.foreign - len, "%s%s",
                 len > 0 ? ", " : "", name);
    }
    Py_RETURN_NONE;
}

static long long wanted(void)
{
    return (long long)pyw_builtin_setup()->options.interpreters;
}

/* The extension refuses all of them alike: one says so. */
static void retire_all(struct pyw_interpreter *interpreter, int len, const char *script,
                       struct pyw_exchange *exchange)
{
    if (!pyw_interpreter_retire(interpreter, true)) {
        PyErr_Clear();
    } else if (PyErr_Occurred() != NULL) {
        PYW_LOG(pyw_errors_log, exchange, LANES_REFUSED, len, script, refused.any,
                wanted());
    } else {
        PYW_LOG(pyw_log_print_held, exchange, LANES_REFUSED, len, script, refused.any,
                wanted());
    }
}

static void retire_one(struct pyw_interpreter *interpreter, const char *script,
                       struct pyw_exchange *exchange)
{
    char place[PLACE_MAX];

    pyw_interpreter_describe(interpreter, place, sizeof place);
    if (!pyw_interpreter_retire(interpreter, false)) {
        PyErr_Clear();
    } else if (PyErr_Occurred() != NULL) {
        PYW_LOG(pyw_errors_log, exchange, LANE_FAILED, script, place);
    } else {
        PYW_LOG(pyw_log_print_held, exchange, LANE_FAILED, script, place);
    }
}

void pyw_lanes_failed(struct pyw_interpreter *interpreter, const char *script,
                      struct pyw_exchange *exchange)
{
    if (refused.any[0] != '\0') {
        retire_all(interpreter, (int)strlen(script), script, exchange);
    } else {
        retire_one(interpreter, script, exchange);
    }
    pyw_lanes_forget();
}

/* All go without the same: one says so, once. */
static void log_missed(struct pyw_interpreter *interpreter, int len, const char *script,
                       struct pyw_exchange *exchange)
{
    if (refused.foreign[0] != '\0' && interpreter->lane == 1 &&
        !atomic_exchange(&interpreter->has_told_missed, true)) {
        PYW_LOG(pyw_log_print_held, exchange, LANE_GOES_WITHOUT, len, script,
                refused.foreign);
    }
}

void pyw_lanes_loaded(struct pyw_interpreter *interpreter, const char *script,
                      struct pyw_exchange *exchange)
{
    log_missed(interpreter, (int)strlen(script), script, exchange);
    pyw_lanes_forget();
}

void pyw_lanes_served(struct pyw_interpreter *interpreter,
                      struct pyw_exchange *exchange, bool is_success)
{
    const struct pyw_span script = exchange->head->script;

    if (refused.any[0] == '\0') {
        return;
    }
    if (is_success) {
        log_missed(interpreter, (int)script.len, script.data, exchange);
    } else {
        retire_all(interpreter, (int)script.len, script.data, exchange);
    }
    pyw_lanes_forget();
}
