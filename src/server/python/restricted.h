/* restricted.h: mod_wsgi.Restricted: what stands in for sys.stdin or sys.stdout where
 * they must not be used (WSGIRestrictStdin, WSGIRestrictStdout): every access to an
 * attribute raises OSError.
 *
 * **GIL:** held.
 */
#ifndef PYW_PYTHON_RESTRICTED_H
#define PYW_PYTHON_RESTRICTED_H

#include <Python.h>

/* New reference to a stand-in for what `name` calls; NULL with an exception. */
PyObject *pyw_restricted_new(PyObject *module, const char *name);

#endif
