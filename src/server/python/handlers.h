/* handlers.h: signal handlers of the application (WSGIRestrictSignal Off), beside those
 * that the process has of its own: both run. An application can neither replace nor
 * ignore what the host handles.
 *
 * Python runs handlers on its main thread, between two steps of Python code. A daemon's
 * main thread mostly sleeps: it is woken, and asks here for what there is to run.
 */
#ifndef PYW_PYTHON_HANDLERS_H
#define PYW_PYTHON_HANDLERS_H

#include <Python.h>

#include <stdbool.h>

/* Before Python starts: what wakes the main thread. It is called in signal handlers. */
void pyw_handlers_init(void (*wake)(void));

/* signal.signal for Python: called with the genuine one, signal number and handler. New
 * reference, or NULL with an exception. **GIL:** held. */
PyObject *pyw_handlers_signal(PyObject *self, PyObject *arguments);

/* Main thread, woken: runs the handlers of signals that have come. What they raise is
 * logged. **GIL:** not held. */
void pyw_handlers_run(void);

/* Main thread, once: the process ends. An application that handles SIGTERM sees one, by
 * whatever means the process was told. **GIL:** not held. */
void pyw_handlers_end(void);

/* The application has been told that the process ends: by SIGTERM, or otherwise.
 * **GIL:** not needed. */
void pyw_handlers_note_end(void);
bool pyw_handlers_has_ended(void);

/* In a process that the application forked off: its handlers are its own again.
 * **GIL:** held. */
void pyw_handlers_release(void);

#endif
