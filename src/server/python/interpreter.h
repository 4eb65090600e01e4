/* interpreter.h: one Python interpreter per application group; "" is the main one. They
 * are created on first use and live as long as the process.
 *
 * Creating one holds up only those who want the same. Entries are never removed, so
 * that looking one up takes no lock.
 */
#ifndef PYW_PYTHON_INTERPRETER_H
#define PYW_PYTHON_INTERPRETER_H

#include <Python.h>

#include "base/bytes.h"
#include "base/embed_api.h"
#include "base/setup.h"
#include "python/builtin.h"

struct pyw_interpreter {
    const char *name; /* application group, ends in NUL */
    size_t name_len;
    unsigned index;                      /* as pyw_gil counts */
    struct pyw_python_settings settings; /* what holds for it */
    PyObject *module;                    /* its `mod_wsgi`; strong, for ever */
    PyObject *protocol; /* its protocol's module; likewise, NULL where no protocol is
                           registered */
    void *state;        /* C state of `protocol` */
};

/* Sets up the main interpreter. Called once, inside Python. @return 0, or -1 with an
 * exception. */
int pyw_interpreter_start(const struct pyw_setup *setup);

/* Attaches the calling thread to the group's interpreter, which is created if need be.
 * @return NULL: it could not be; the reason is in the log of the exchange (NULL: of the
 * process) and no GIL is held.
 * **GIL:** not held by the caller. */
struct pyw_interpreter *pyw_interpreter_enter(struct pyw_span group,
                                              struct pyw_exchange *exchange);
void pyw_interpreter_leave(void);

/* The interpreter that the calling thread is attached to. **GIL:** held. */
struct pyw_interpreter *pyw_interpreter_current(void);

/* "main interpreter" or "sub-interpreter 'NAME'", for log texts. */
const char *pyw_interpreter_describe(const struct pyw_interpreter *interpreter,
                                     char *text, size_t size);

/* Calls `visit` inside each interpreter that is ready. **GIL:** not held by the caller.
 */
void pyw_interpreter_each(void (*visit)(struct pyw_interpreter *interpreter));

#endif
