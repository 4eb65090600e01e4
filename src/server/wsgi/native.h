/* native.h: environ's `apache.request_rec`: Apache's own record of the request, in a
 * capsule for extension modules that know what to do with it (WSGIPassApacheRequest,
 * embedded mode).
 *
 * **GIL:** held.
 */
#ifndef PYW_WSGI_NATIVE_H
#define PYW_WSGI_NATIVE_H

#include <Python.h>

struct pyw_request;

/* Puts the capsule into environ, where the exchange has the record. @return 0, or -1
 * with an exception. */
int pyw_native_put(struct pyw_request *request, PyObject *environ);

/* The request is over: a capsule that the application has kept gives nothing any more.
 */
void pyw_native_sever(struct pyw_request *request);

#endif
