/* input.h: wsgi.input, the type `mod_wsgi.Input`: the request body as a file to read
 * from.
 *
 * Bytes that are at hand are taken with the GIL held; it is given up only to wait.
 */
#ifndef PYW_WSGI_INPUT_H
#define PYW_WSGI_INPUT_H

#include <Python.h>

struct pyw_request;

/* New reference to the type, a part of `module`'s state. */
PyObject *pyw_input_new_type(PyObject *module);
/* New reference to an input that belongs to no request yet. */
PyObject *pyw_input_new(PyTypeObject *type);
/* The request is over, and every use raises RuntimeError. A thread of the application's
 * may still be reading. */
void pyw_input_sever(PyObject *input);
/* As new, for a request or for none; nobody is reading. */
void pyw_input_bind(PyObject *input, struct pyw_request *request);

#endif
