/* metrics.h: the counters of this process (python/counters) as dicts for Python code:
 * request_metrics() and process_metrics().
 *
 * **GIL:** held.
 */
#ifndef PYW_PYTHON_METRICS_H
#define PYW_PYTHON_METRICS_H

#include <Python.h>

struct pyw_builtin;

/* Counting begins, and this interpreter's first interval. @return 0, or -1 with an
 * exception. */
int pyw_metrics_start(struct pyw_builtin *state);

/* New reference to what happened since this interpreter asked last; None where nothing
 * is recorded; NULL with an exception. */
PyObject *pyw_metrics_of_requests(struct pyw_builtin *state);
/* New reference to what happened since recording began; likewise. */
PyObject *pyw_metrics_of_process(void);

#endif
