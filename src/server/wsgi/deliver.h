/* deliver.h: what the application returned, on its way out: a list at once, a file by
 * its descriptor, anything else piece by piece as it is produced.
 */
#ifndef PYW_WSGI_DELIVER_H
#define PYW_WSGI_DELIVER_H

#include <Python.h>

#include "wsgi/request.h"

/* Sends the whole body and calls close(). @return how the request ended; an exception
 * that the application is to blame for has been logged. **GIL:** held. */
enum pyw_outcome pyw_deliver(struct pyw_request *request, PyObject *iterable);

/* The request failed with the pending exception: logs it. @return the outcome. */
enum pyw_outcome pyw_deliver_exception(struct pyw_request *request);

#endif
