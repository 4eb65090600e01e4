/* environ.h: the environ dict. Requests with the same names in the same order share a
 * template: a dict that holds the constants and the values of the last such request. It
 * is copied whole, and only values that differ are made anew.
 *
 * **GIL:** held.
 */
#ifndef PYW_WSGI_ENVIRON_H
#define PYW_WSGI_ENVIRON_H

#include <Python.h>

#include "wsgi/module.h"

struct pyw_request;

/* New reference to the part of environ that never changes. */
PyObject *pyw_environ_constants(const struct pyw_wsgi *state);

/* New reference to the request's environ, complete but for mod_wsgi.application_start.
 */
PyObject *pyw_environ_build(struct pyw_request *request);

/* Adds names and values, decoded as in every environ. @return 0, or -1 with an
 * exception. */
int pyw_environ_put_pairs(const struct pyw_wsgi *state, const struct pyw_pair *pairs,
                          size_t count, PyObject *environ);

/* Frees the templates. */
void pyw_environ_clear(struct pyw_store *store);

#endif
