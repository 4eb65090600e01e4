/* decide.h: scripts that decide (compat 4): who may come in, who a user is, where a
 * request goes. The exchange's role says which function of the script is asked; what it
 * returns is checked and sent back packed (base/decision.h), as the body of a 200.
 *
 * Whatever goes wrong ends the exchange without an answer, and the Apache half lets
 * nobody in.
 *
 * **Thread:** the worker that serves the exchange. **GIL:** held.
 */
#ifndef PYW_WSGI_DECIDE_H
#define PYW_WSGI_DECIDE_H

#include <Python.h>

#include "wsgi/request.h"

/* Asks the script's module (borrowed) and sends the answer. @return how it ended. */
enum pyw_outcome pyw_decide(struct pyw_request *request, PyObject *module);

/* The script could not be loaded, which has been logged. A dispatch script's absence is
 * an answer: the configuration stands. */
enum pyw_outcome pyw_decide_without_script(struct pyw_request *request);

#endif
