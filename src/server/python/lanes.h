/* lanes.h: what becomes of an interpreter beside the first of its application group
 * (interpreters=N) that cannot do what the first can: it is taken out of service, its
 * threads enter the first, and no request fails for it.
 *
 * Mostly that is an extension module that refuses interpreters with a GIL of their own;
 * python/prelude has each such import noted here. What catches the ImportError, as for
 * a module that only makes things faster, may well work without: so it counts once the
 * script, or the request, has failed.
 *
 * **GIL:** held, in an interpreter whose lane is not 0.
 */
#ifndef PYW_PYTHON_LANES_H
#define PYW_PYTHON_LANES_H

#include <Python.h>

#include "base/pyw_exchange.h"
#include "python/interpreter.h"

/* For Python: called with a module's name and whether it is the standard library's. New
 * reference to None, or NULL with an exception. */
PyObject *pyw_lanes_note_refusal(PyObject *self, PyObject *arguments);

/* The calling thread has loaded a script, or failed to, with an exception pending or
 * none, which is taken. */
void pyw_lanes_loaded(struct pyw_interpreter *interpreter, const char *script,
                      struct pyw_exchange *exchange);
void pyw_lanes_failed(struct pyw_interpreter *interpreter, const char *script,
                      struct pyw_exchange *exchange);

/* It runs a request: what was refused before is none of its business. */
void pyw_lanes_forget(void);
/* It has run a request, which the application failed or not. */
void pyw_lanes_served(struct pyw_interpreter *interpreter,
                      struct pyw_exchange *exchange, bool is_success);

#endif
