/* rules.h: what a status line and a header field of an application must look like. Each
 * rule that is broken is an exception at start_response(), in the words that mod_wsgi's
 * users know.
 */
#ifndef PYW_WSGI_RULES_H
#define PYW_WSGI_RULES_H

#include <Python.h>

/* All: 0, or -1 with TypeError, ValueError or UnicodeEncodeError. What passed has one
 * byte a character. */
int pyw_rules_check_status(PyObject *status);
int pyw_rules_check_name(PyObject *name);
int pyw_rules_check_value(PyObject *value);
/* A name and a value in a tuple. */
int pyw_rules_check_header(PyObject *item);

#endif
