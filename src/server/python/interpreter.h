/* interpreter.h: one Python interpreter per application group; "" is the main one. They
 * are created on first use and live as long as the process.
 *
 * With interpreters=N each group has N of them, its lanes. Each thread that serves is
 * of one lane for its life, so that it meets the same interpreters again and again.
 * Lane 0 is what there would be without the option, the others have a GIL of their own.
 *
 * Creating one holds up only those who want the same. Entries are never removed, so
 * that looking one up takes no lock.
 */
#ifndef PYW_PYTHON_INTERPRETER_H
#define PYW_PYTHON_INTERPRETER_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/embed_api.h"
#include "base/setup.h"
#include "python/builtin.h"

struct pyw_interpreter {
    const char *name; /* application group, ends in NUL */
    size_t name_len;
    unsigned index;     /* as pyw_gil counts */
    unsigned lane;      /* 0: the group's first */
    atomic_bool is_out; /* for good: lane 0 serves in its place, of which it never is */
    atomic_bool has_told_missed;  /* that it goes without a module (python/lanes) */
    atomic_bool has_told_retired; /* lane 0: that it serves alone */
    struct pyw_python_settings settings; /* what holds for it */
    PyObject *module;                    /* its `mod_wsgi`; strong, for ever */
    PyObject *protocol; /* its protocol's module; likewise, NULL where no protocol is
                           registered */
    void *state;        /* C state of `protocol` */
};

/* Sets up the main interpreter. Called once, inside Python. @return 0, or -1 with an
 * exception. */
int pyw_interpreter_start(const struct pyw_setup *setup);

/* How many lanes there are: interpreters=, or 1 where this Python cannot. Once
 * started. */
unsigned pyw_interpreter_lanes(void);
/* The calling thread is of this lane, from now on; others are of lane 0. It enters main
 * once, as each thread has to that runs Python, so that it need not wait for main's GIL
 * later. **GIL:** not held. */
void pyw_interpreter_take_lane(unsigned lane);
unsigned pyw_interpreter_own_lane(void);

/* Attaches the calling thread to the group's interpreter of this lane, which is created
 * if need be. @return NULL: it could not be; the reason is in the log of the exchange
 * (NULL: of the process) and no GIL is held. Or it is out of service.
 * **GIL:** not held by the caller. */
struct pyw_interpreter *pyw_interpreter_enter(struct pyw_span group, unsigned lane,
                                              struct pyw_exchange *exchange);
void pyw_interpreter_leave(void);

/* The interpreter that the calling thread is attached to. **GIL:** held. */
struct pyw_interpreter *pyw_interpreter_current(void);

/* Takes an interpreter out of service, or all of its group but the first; its lane is
 * not 0. @return true: the caller is the first to do that. **GIL:** does not matter. */
bool pyw_interpreter_retire(struct pyw_interpreter *interpreter, bool with_others);
/* Likewise the group's interpreter of the calling thread's lane; @return false: it was
 * out, or there is none but the first. */
bool pyw_interpreter_retire_own(struct pyw_span group);

/* "main interpreter" or "sub-interpreter 'NAME'", for log texts; of other lanes than
 * the first "interpreter 2 of 4", or that with the name. */
const char *pyw_interpreter_describe(const struct pyw_interpreter *interpreter,
                                     char *text, size_t size);

/* Calls `visit` inside each interpreter that is ready. **GIL:** not held by the caller.
 */
void pyw_interpreter_each(void (*visit)(struct pyw_interpreter *interpreter));

#endif
