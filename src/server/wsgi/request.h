/* request.h: one request on its way through WSGI. Lives on the stack of the worker that
 * serves it; the Python objects of its kit point to it until they are severed.
 *
 * The exchange belongs to the worker, but an application may hand wsgi.input or write()
 * to another of its threads. That works as long as one thread at a time uses them:
 * `is_busy` says that some thread is inside an exchange operation without the GIL.
 */
#ifndef PYW_WSGI_REQUEST_H
#define PYW_WSGI_REQUEST_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "base/pyw_exchange.h"
#include "python/interpreter.h"
#include "python/interrupt.h"
#include "wsgi/kit.h"
#include "wsgi/module.h"
#include "wsgi/observe.h"
#include "wsgi/response.h"

struct pyw_request {
    struct pyw_exchange *exchange;
    struct pyw_interpreter *interpreter;
    struct pyw_wsgi *wsgi;
    struct pyw_store *store; /* the thread's; NULL before the application is called */
    struct pyw_kit *kit;
    PyObject *native;     /* strong; see wsgi/native.h, NULL: none */
    PyObject *hints;      /* strong; see wsgi/hints.h, NULL: none */
    int64_t picked_up_us; /* wall clock */
    atomic_bool is_busy;
    atomic_int send_error; /* 0, or the -errno that ended sending */
    atomic_int read_error; /* likewise for reading */
    struct pyw_interrupt interrupt;
    struct pyw_active active;
    struct pyw_observation observed;
    struct pyw_response response;
};

/* The path of the script as two arguments for "%.*s". */
#define PYW_REQUEST_SCRIPT(request)                                                    \
    (int)(request)->exchange->head->script.len, (request)->exchange->head->script.data

/* Brackets an exchange operation during which the GIL may be given up. @return 0, or -1
 * with an exception: another thread is inside one, or this process is a fork of the
 * real one. */
int pyw_request_claim(struct pyw_request *request);
void pyw_request_unclaim(struct pyw_request *request);
/* Waits until no thread is inside one; the request is about to end. */
void pyw_request_wait_idle(const struct pyw_request *request);

/* Words for an error of the exchange. */
const char *pyw_request_reason(int error);

#endif
