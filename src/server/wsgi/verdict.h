/* verdict.h: what the functions of scripts that decide may return, and how that is
 * packed (base/decision.h). `True` is True alone: an int or any other object that is
 * true lets nobody in.
 *
 * All: @return 0, or -1 with an exception, whose text says what was wrong. **GIL:**
 * held.
 */
#ifndef PYW_WSGI_VERDICT_H
#define PYW_WSGI_VERDICT_H

#include <Python.h>

#include <stdbool.h>

#include "base/bytes.h"

int pyw_verdict_pack_access(struct pyw_writer *writer, PyObject *result);
int pyw_verdict_pack_password(struct pyw_writer *writer, PyObject *result);
int pyw_verdict_pack_hash(struct pyw_writer *writer, PyObject *result);
int pyw_verdict_pack_groups(struct pyw_writer *writer, PyObject *result);

/* One text, which the named function returned. */
int pyw_verdict_put_text(struct pyw_writer *writer, PyObject *text,
                         const char *function, bool may_be_empty);

#endif
