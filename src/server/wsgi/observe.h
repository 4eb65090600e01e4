/* observe.h: what becomes known of a request to those who want to know: its events
 * (python/events) and its costs (python/counters).
 *
 * Where nobody does, each function looks at one flag and returns. A request that began
 * before somebody wanted to know stays unknown.
 *
 * **Thread:** the request's. **GIL:** held, unless said otherwise.
 */
#ifndef PYW_WSGI_OBSERVE_H
#define PYW_WSGI_OBSERVE_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "python/events.h"
#include "python/reporter.h"

struct pyw_request;

struct pyw_observation {
    bool is_on;
    bool is_started;         /* the application is about to be called, or has been */
    int64_t begun_us;        /* monotonic: the thread took the request */
    int64_t called_us;       /* monotonic: the application was called */
    int64_t called_epoch_us; /* the same, since the epoch */
    int64_t user_us;         /* CPU time of the thread at the beginning */
    int64_t system_us;
    uint64_t input_reads;
    uint64_t input_length;
    int64_t input_us;
    uint64_t output_writes;
    uint64_t output_length;
    int64_t output_us;
    uint64_t gil_waits;
    int64_t gil_us;
    struct pyw_running running;
};

/* The thread takes a request. No GIL. */
void pyw_observe_begin(struct pyw_request *request);
/* It has got into Python. */
void pyw_observe_entered(struct pyw_request *request);
/* The script is there. Those who it brought want to know of this request. */
void pyw_observe_loaded(struct pyw_request *request);
/* The request is over; in any case, and with the GIL if it has got into Python. */
void pyw_observe_end(struct pyw_request *request, enum pyw_outcome outcome);

/* The application is about to be called. @return a new reference to what to call: it,
 * or what a callback put in its place. */
PyObject *pyw_observe_start(struct pyw_request *request, PyObject *application,
                            PyObject *environ);
/* start_response() was called. */
void pyw_observe_response(const struct pyw_request *request, PyObject *status,
                          PyObject *headers, PyObject *exc_info);
/* The request fails with the pending exception, which stays. */
void pyw_observe_exception(const struct pyw_request *request);

/* Now, for the functions below; 0 where nobody wants to know. No GIL. */
int64_t pyw_observe_now(const struct pyw_request *request);
/* Body was read, `got` bytes or an error, since then. */
void pyw_observe_input(struct pyw_request *request, int64_t since_us, int64_t got);
/* Body was sent since then. */
void pyw_observe_output(struct pyw_request *request, int64_t since_us, uint64_t len);
/* Takes the GIL after a call that may have blocked. */
void pyw_observe_acquire(struct pyw_request *request, void *token);

#endif
