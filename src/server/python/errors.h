/* errors.h: the application's exceptions, on their way to the log: one entry holds what
 * happened, to what, and the whole traceback.
 *
 * **GIL:** held; it is given up while the log is written.
 */
#ifndef PYW_PYTHON_ERRORS_H
#define PYW_PYTHON_ERRORS_H

#include <Python.h>

#include "base/codes.h"
#include "base/pyw_exchange.h"

#define PYW_ERRORS_NAME_MAX 128

/* Writes the class name of the pending exception, as in "ValueError". */
const char *pyw_errors_class(char name[PYW_ERRORS_NAME_MAX]);

/* Takes the pending exception away: a new reference, or NULL where there is none. */
PyObject *pyw_errors_take(void);
/* Makes it pending again; steals the reference. */
void pyw_errors_put(PyObject *exception);

/* Takes the pending exception and logs the line with its traceback below, for
 * PYW_LOG(pyw_errors_log, exchange, CODE, ...). */
void pyw_errors_log(struct pyw_exchange *exchange, enum pyw_level level,
                    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
