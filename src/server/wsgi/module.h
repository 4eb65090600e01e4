/* module.h: what WSGI keeps per interpreter: its types, names that are looked up on
 * each request, and what a request leaves for the next. It is the state of an internal
 * module, which every interpreter imports when it is set up.
 *
 * **GIL:** everything here belongs to whoever holds the interpreter's.
 */
#ifndef PYW_WSGI_MODULE_H
#define PYW_WSGI_MODULE_H

#include <Python.h>

#include "base/head.h"
#include "python/builtin.h"
#include "wsgi/store.h"

struct pyw_wsgi {
    PyObject *input_type;
    PyObject *start_type;
    PyObject *file_wrapper_type;
    PyObject *hints_type;
    PyObject *hints_key;           /* "wsgi.early_hints" */
    PyObject *keys[PYW_HEAD_KEYS]; /* environ names by id; [0] is NULL */
    PyObject *input_key;           /* "wsgi.input", ... */
    PyObject *errors_key;
    PyObject *thread_key;
    PyObject *request_start_key;
    PyObject *queue_start_key;
    PyObject *daemon_start_key;
    PyObject *application_start_key;
    PyObject *close_name;
    PyObject
        *constants; /* dict: the part of environ that is the same for all requests */
    struct pyw_store store; /* of whoever holds the GIL; see there */
};

extern const struct pyw_protocol pyw_module_wsgi;

struct pyw_wsgi *pyw_module_state(PyObject *module);

#endif
