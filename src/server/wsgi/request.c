#include "wsgi/request.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "python/prelude.h"
#include "python/pyw_gil.h"

int pyw_request_claim(struct pyw_request *request)
{
    if (pyw_prelude_is_forked()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the request belongs to the process that was forked");
        return -1;
    }
    if (atomic_exchange(&request->is_busy, true)) {
        PyErr_SetString(PyExc_RuntimeError, "the request is in use by another thread");
        return -1;
    }
    return 0;
}

void pyw_request_unclaim(struct pyw_request *request)
{
    request->is_busy = false;
}

void pyw_request_wait_idle(const struct pyw_request *request)
{
    /* A thread of the application outlives its request in the middle of a read: rare
     * enough to poll. */
    while (request->is_busy) {
        struct timespec moment = {.tv_nsec = 1000000};
        void *token = pyw_gil_release();

        (void)nanosleep(&moment, NULL);
        pyw_gil_acquire(token);
    }
}

const char *pyw_request_reason(int error)
{
    switch (error) {
    case -EPIPE:
        return "client connection closed";
    case -ETIMEDOUT:
        return "client too slow";
    case -EFBIG:
        return "request body too large";
    case -EBADMSG:
        return "request body malformed";
    case -ECANCELED:
        return "request ended by request-timeout";
    default:
        return strerror(-error);
    }
}
