/* hints.h: wsgi.early_hints, a callable that sends headers ahead of the response, as
 * 103 Early Hints. Where the client is not to see any it is one that looks at its
 * argument and does nothing, the same for all requests.
 *
 * **GIL:** held; given up while something is sent.
 */
#ifndef PYW_WSGI_HINTS_H
#define PYW_WSGI_HINTS_H

#include <Python.h>

#include "wsgi/module.h"

struct pyw_request;

PyObject *pyw_hints_new_type(PyObject *module);
/* New reference to the one that does nothing. */
PyObject *pyw_hints_new_idle(const struct pyw_wsgi *state);

/* Puts one that sends into the environ, where the client is to see hints. @return 0, or
 * -1 with an exception. */
int pyw_hints_put(struct pyw_request *request, PyObject *environ);
/* From now on it raises an exception. */
void pyw_hints_sever(struct pyw_request *request);

#endif
