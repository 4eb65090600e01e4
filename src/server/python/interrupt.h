/* interrupt.h: mod_wsgi.RequestTimeout, raised from the outside in the thread of a
 * request that takes too long (interrupt-timeout).
 *
 * The thread registers its request here while the application runs; what is raised is
 * raised under the GIL of the request's interpreter, as registering is, so that it
 * never meets the request after. It comes when the thread next runs Python: a call into
 * C that blocks is not woken.
 */
#ifndef PYW_PYTHON_INTERRUPT_H
#define PYW_PYTHON_INTERRUPT_H

#include <stdbool.h>

#include "base/pyw_exchange.h"

struct pyw_interpreter;

/* On the stack of the request's thread; its fields are this file's. */
struct pyw_interrupt {
    struct pyw_interrupt *next;
    struct pyw_exchange *exchange;
    struct pyw_interpreter *interpreter;
    unsigned long thread;
    unsigned number; /* of the thread, for people */
    bool is_watched;
    bool is_injected;
};

/* Around the application's run, on its thread. Without interrupt-timeout they do
 * nothing. **GIL:** held. */
void pyw_interrupt_watch(struct pyw_interrupt *interrupt, struct pyw_exchange *exchange,
                         struct pyw_interpreter *interpreter);
/* @return true when RequestTimeout was raised. */
bool pyw_interrupt_unwatch(struct pyw_interrupt *interrupt);

/* Raises it where the exchange wants it (`is_interrupt_wanted`). **Thread:** one of the
 * host's own. **GIL:** not held. */
void pyw_interrupt_deliver(void);

#endif
