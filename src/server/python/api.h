/* api.h: the functions of the module `mod_wsgi`, and what is made when it is asked for:
 * `LogHandler`, and the lists and the dict whose users want to know of requests.
 *
 * **GIL:** held.
 */
#ifndef PYW_PYTHON_API_H
#define PYW_PYTHON_API_H

#include <Python.h>

/* Fills the module, whose state is complete but for what this file makes. @return 0, or
 * -1 with an exception. */
int pyw_api_add(PyObject *module);

#endif
