#include "python/advice.h"

#include <string.h>

#include "python/errors.h"
#include "python/log.h"
#include "python/pyw_gil.h"

/* How far back the causes of an exception are looked at. */
#define CHAIN_MAX 8

/* What an extension cannot do that failed to be imported. */
enum refusal { NO_REFUSAL, REFUSES_OWN_GIL, REFUSES_SUBINTERPRETER };

/* By what they say: Python first, then PyO3 and Cython, NumPy. */
static const struct {
    const char *words;
    enum refusal refusal;
} refusals[] = {{"does not support loading in subinterpreters", REFUSES_OWN_GIL},
                {"interpreter", REFUSES_SUBINTERPRETER},
                {"more than once per process", REFUSES_SUBINTERPRETER}};

/* No exception is pending before and after. */
static enum refusal refusal_of(PyObject *exception)
{
    PyObject *text = PyObject_IsInstance(exception, PyExc_ImportError) == 1
                         ? PyObject_Str(exception)
                         : NULL;
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    enum refusal refusal = NO_REFUSAL;

    for (size_t i = 0; utf8 != NULL && refusal == NO_REFUSAL &&
                       i < sizeof refusals / sizeof refusals[0];
         i++) {
        refusal =
            strstr(utf8, refusals[i].words) != NULL ? refusals[i].refusal : NO_REFUSAL;
    }
    Py_XDECREF(text);
    PyErr_Clear();
    return refusal;
}

void pyw_advice_log(const struct pyw_interpreter *interpreter, const char *script,
                    size_t script_len, struct pyw_exchange *exchange)
{
    /* Of other lanes than the first python/lanes says it. */
    PyObject *pending =
        interpreter->index != 0 && interpreter->lane == 0 ? pyw_errors_take() : NULL;
    PyObject *exception = Py_XNewRef(pending);
    enum refusal refusal = NO_REFUSAL;

    for (int depth = 0; exception != NULL && refusal == NO_REFUSAL && depth < CHAIN_MAX;
         depth++) {
        PyObject *next = PyException_GetCause(exception);

        if (next == NULL) {
            next = PyException_GetContext(exception);
        }
        refusal = refusal_of(exception);
        Py_SETREF(exception, next);
    }
    Py_XDECREF(exception);
    if (refusal == REFUSES_OWN_GIL && pyw_gil_is_own(interpreter->index)) {
        PYW_LOG(pyw_log_print_held, exchange, OWN_GIL_REFUSED, (int)script_len, script);
    } else if (refusal != NO_REFUSAL) {
        PYW_LOG(pyw_log_print_held, exchange, NO_SUBINTERPRETER, (int)script_len,
                script);
    }
    if (pending != NULL) {
        pyw_errors_put(pending);
    }
}
