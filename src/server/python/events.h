/* events.h: what the server tells the application of: callbacks that it subscribed, and
 * the data of its requests.
 *
 * The lists are the module state's (python/builtin); one of each per interpreter. A
 * callback gets the event's name and its fields as keywords; a dict that it returns is
 * merged into the fields for those after it; what it raises is logged and changes
 * nothing.
 *
 * As long as nobody subscribed and nothing is recorded, a request costs one look at a
 * flag of the process.
 *
 * **GIL:** held, unless said otherwise.
 */
#ifndef PYW_PYTHON_EVENTS_H
#define PYW_PYTHON_EVENTS_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "python/builtin.h"

/* What is known of the request that a thread serves. On that thread's stack. */
struct pyw_active {
    PyObject *environ; /* borrowed; NULL while there is none */
    PyObject *data;    /* strong; request_data(), NULL until it is wanted */
    PyObject *id;      /* strong; its key in active_requests, NULL: it is not there */
};

/* Somebody wants to know of requests; never taken back. Atomic. */
extern atomic_bool pyw_events_wanted;

/* No GIL needed. */
static inline bool pyw_events_is_wanted(void)
{
    return atomic_load_explicit(&pyw_events_wanted, memory_order_relaxed);
}
void pyw_events_want(void);

/* The request that the thread serves, hidden from now on until it is shown again, NULL
 * included: another is served in its midst, where its page includes another response or
 * a script decides on that, maybe in another interpreter. No GIL needed. */
struct pyw_active *pyw_events_hide(void);
void pyw_events_show(struct pyw_active *active);

/* The thread's request begins: its environ is there. It ends: what it had is forgotten.
 */
void pyw_events_enter(struct pyw_active *active, PyObject *environ);
void pyw_events_leave(struct pyw_builtin *state, struct pyw_active *active);
/* The request that the calling thread serves; NULL: none. */
struct pyw_active *pyw_events_current(void);
/* Borrowed reference to its data, which is made if need be; NULL with an exception. */
PyObject *pyw_events_data(struct pyw_active *active);
/* Enters it into active_requests, if it has an id. @return 0, or -1 with an exception.
 */
int pyw_events_list(struct pyw_builtin *state, struct pyw_active *active);

/* Calls back all of the list, as it is now. `fields` is a dict of its own. */
void pyw_events_publish(PyObject *callbacks, const char *name, PyObject *fields);

/* process_stopping, in every interpreter, once; later calls do nothing. **GIL:** not
 * held; blocks as long as the callbacks do. */
void pyw_events_stopping(const char *reason);
/* process_signal, likewise, each time. */
void pyw_events_signal(const char *name, int number);

#endif
