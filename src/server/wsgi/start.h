/* start.h: start_response and the write() that it returns; the rules for statuses and
 * headers. */
#ifndef PYW_WSGI_START_H
#define PYW_WSGI_START_H

#include <Python.h>

struct pyw_request;

/* New reference to the type, a part of `module`'s state. */
PyObject *pyw_start_new_type(PyObject *module);
/* New reference to a start_response that belongs to no request yet. */
PyObject *pyw_start_new(PyTypeObject *type);
/* NULL: the request is over, and calls raise RuntimeError. */
void pyw_start_bind(PyObject *start, struct pyw_request *request);

#endif
