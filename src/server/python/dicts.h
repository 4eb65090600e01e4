/* dicts.h: filling dicts without a stanza per entry. **GIL:** held.
 */
#ifndef PYW_PYTHON_DICTS_H
#define PYW_PYTHON_DICTS_H

#include <Python.h>

#include <stdint.h>

/* Each: @return 0, or -1 with an exception. */

/* Steals the value; NULL with an exception included. */
int pyw_dicts_put(PyObject *dict, const char *name, PyObject *value);
int pyw_dicts_put_count(PyObject *dict, const char *name, uint64_t value);
int pyw_dicts_put_float(PyObject *dict, const char *name, double value);

#endif
