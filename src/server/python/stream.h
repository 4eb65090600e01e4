/* stream.h: sys.stdout, sys.stderr and wsgi.errors: text streams over the type
 * `mod_wsgi.Log`, which makes one log entry of each line.
 *
 * What goes through Python's `logging` is the exception: a whole record is one entry,
 * at its own level.
 *
 * The process-wide pair logs on the request of the calling thread where there is one,
 * else in the log of the process; a line that is not complete is kept per thread and
 * written when the thread's request ends. wsgi.errors belongs to one request and
 * refuses to write once that has ended.
 *
 * **GIL:** held, unless said otherwise; it is given up while the log is written.
 */
#ifndef PYW_PYTHON_STREAM_H
#define PYW_PYTHON_STREAM_H

#include <Python.h>

#include <stdbool.h>

#include "base/pyw_exchange.h"

enum pyw_stream_kind {
    PYW_STREAM_STDOUT = 0,
    PYW_STREAM_STDERR = 1,
    PYW_STREAM_ERRORS = 2
};

/* New reference to the type, a part of `module`'s state. */
PyObject *pyw_stream_new_type(PyObject *module);

/* New reference to a `mod_wsgi.Log`. For ERRORS it still has to be bound. */
PyObject *pyw_stream_new_log(PyTypeObject *type, enum pyw_stream_kind kind);
/* New reference to a text stream over it. */
PyObject *pyw_stream_new_text(PyObject *text_io_wrapper, PyObject *log);

/* wsgi.errors' request begins, ends. What is left of a line is written by `flush` and
 * at the end. */
void pyw_stream_bind(PyObject *log, struct pyw_exchange *exchange);
void pyw_stream_flush(PyObject *log);
void pyw_stream_sever(PyObject *log);

/* While a level is set, each write of the thread to any of the streams is one entry of
 * that level, its line breaks included: a record of Python's `logging`. -1: none, which
 * is how a thread begins. @return what was set before. No GIL needed. */
int pyw_stream_set_level(int level);

/* While it is on, what the thread writes to stdout and stderr is kept, and when it is
 * turned off written as one entry. @return what was set before. */
bool pyw_stream_hold(bool is_wanted);

/* True for a text stream over a `mod_wsgi.Log`. May run Python code. */
bool pyw_stream_is_ours(PyObject *stream, PyObject *log_type);

/* Writes the incomplete lines that the thread left in stdout and stderr; the thread's
 * request is about to end. */
void pyw_stream_flush_thread(void);

#endif
