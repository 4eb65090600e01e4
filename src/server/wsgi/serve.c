/* The order of events, PEP 3333's: the script is loaded if need be, environ built, the
 * application called, what it returned sent piece by piece, close() called, the
 * exchange ended.
 */
#include "wsgi/serve.h"

#include <Python.h>

#include <stdbool.h>

#include "base/clock.h"
#include "python/interpreter.h"
#include "python/lanes.h"
#include "python/loader.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/stream.h"
#include "wsgi/decide.h"
#include "wsgi/deliver.h"
#include "wsgi/environ.h"
#include "wsgi/hints.h"
#include "wsgi/kit.h"
#include "wsgi/module.h"
#include "wsgi/native.h"
#include "wsgi/observe.h"
#include "wsgi/request.h"

void pyw_serve_register(void)
{
    pyw_builtin_register_protocol(&pyw_module_wsgi);
}

/* New reference to what the application returns; NULL with an exception. */
static PyObject *call(struct pyw_request *request, PyObject *application,
                      PyObject *environ)
{
    PyObject *arguments[] = {NULL, environ, request->kit->start};
    PyObject *now = PyFloat_FromDouble((double)pyw_clock_epoch_us() / 1e6);
    int result =
        now != NULL ? PyDict_SetItem(environ, request->wsgi->application_start_key, now)
                    : -1;
    PyObject *chosen;
    PyObject *iterable;

    Py_XDECREF(now);
    if (result != 0) {
        return NULL;
    }
    chosen = pyw_observe_start(request, application, environ);
    if (chosen == NULL) {
        return NULL;
    }
    iterable = PyObject_Vectorcall(chosen, arguments + 1,
                                   2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(chosen);
    return iterable;
}

/* From environ to close(). */
static enum pyw_outcome run(struct pyw_request *request, PyObject *application)
{
    PyObject *environ = pyw_environ_build(request);
    PyObject *iterable;
    enum pyw_outcome outcome;

    pyw_events_enter(&request->active, environ);
    iterable = environ != NULL ? call(request, application, environ) : NULL;
    if (iterable != NULL) {
        outcome = pyw_deliver(request, iterable);
    } else {
        outcome = pyw_deliver_exception(request);
    }
    Py_XDECREF(iterable);
    if (!pyw_prelude_is_forked()) {
        pyw_observe_end(request, outcome);
    }
    pyw_events_leave(pyw_builtin_state(request->interpreter->module), &request->active);
    Py_XDECREF(environ);
    pyw_native_sever(request);
    pyw_hints_sever(request);
    return outcome;
}

/* Whether the application failed: not a client that left, nor a status that it chose.
 */
static bool has_failed(const struct pyw_request *request, enum pyw_outcome outcome)
{
    return outcome == PYW_OUTCOME_ERROR ||
           (outcome == PYW_OUTCOME_OK && request->response.head.status == 500);
}

/* From here RequestTimeout does not come any more. */
static void end_interruptions(struct pyw_request *request)
{
    if (pyw_interrupt_unwatch(&request->interrupt)) {
        PYW_LOG(pyw_log_print_held, request->exchange, INTERRUPT_RECOVERED);
    }
}

static enum pyw_outcome serve(struct pyw_request *request)
{
    bool decides = request->exchange->head->role != PYW_ROLE_APPLICATION;
    PyObject *target =
        decides ? pyw_loader_module(request->interpreter, request->exchange)
                : pyw_loader_callable(request->interpreter, request->exchange);
    enum pyw_outcome outcome = PYW_OUTCOME_ERROR;

    if (target == NULL) {
        pyw_observe_end(request, outcome);
        return decides ? pyw_decide_without_script(request) : outcome;
    }
    pyw_observe_loaded(request);
    request->store = pyw_store_own(&request->wsgi->store);
    if (request->store != NULL) {
        request->kit =
            pyw_kit_take(pyw_builtin_state(request->interpreter->module), request);
    }
    if (request->kit != NULL) {
        pyw_interrupt_watch(&request->interrupt, request->exchange,
                            request->interpreter);
        pyw_lanes_forget();
        outcome = decides ? pyw_decide(request, target) : run(request, target);
        if (request->interpreter->lane > 0) {
            pyw_lanes_served(request->interpreter, request->exchange,
                             !has_failed(request, outcome));
        }
        pyw_prelude_leave_fork(PYW_PRELUDE_SCRIPT, request->exchange->head->script);
        end_interruptions(request);
        pyw_kit_sever(request->kit);
        pyw_request_wait_idle(request);
        pyw_kit_give_back(request->store, request->kit);
    } else {
        outcome = pyw_deliver_exception(request);
        pyw_observe_end(request, outcome);
    }
    Py_DECREF(target);
    pyw_response_clear(&request->response);
    return outcome;
}

void pyw_serve_run(struct pyw_exchange *exchange)
{
    /* In an Apache child, filters of a response that is on its way may begin requests
     * of their own on this thread. */
    struct pyw_exchange *outer = pyw_log_bound();
    struct pyw_active *outer_active = pyw_events_hide();
    struct pyw_request request;
    enum pyw_outcome outcome = PYW_OUTCOME_ERROR;

    request.exchange = exchange;
    request.picked_up_us = pyw_clock_epoch_us();
    request.is_busy = false;
    request.send_error = 0;
    request.read_error = 0;
    request.store = NULL;
    request.kit = NULL;
    request.native = NULL;
    request.hints = NULL;
    request.active = (struct pyw_active){NULL, NULL, NULL};
    pyw_response_init(&request.response);
    pyw_log_bind(exchange);
    pyw_observe_begin(&request);
    request.interpreter = pyw_loader_enter(exchange);
    if (request.interpreter != NULL) {
        request.wsgi = request.interpreter->state;
        pyw_observe_entered(&request);
        outcome = serve(&request);
        pyw_stream_flush_thread();
        pyw_interpreter_leave();
    } else {
        pyw_observe_end(&request, outcome);
    }
    pyw_events_show(outer_active);
    pyw_log_bind(outer);
    exchange->ops->end(exchange, outcome);
}

void pyw_serve_leave_thread(void)
{
    pyw_gil_leave_thread();
}
