/* serve.h: serves one exchange with a WSGI application, from the interpreter's door to
 * the end of the exchange. The order of events, PEP 3333's, is in serve.c.
 */
#ifndef PYW_WSGI_SERVE_H
#define PYW_WSGI_SERVE_H

#include "base/pyw_exchange.h"

/* Makes WSGI known to the interpreters to come. Once, before pyw_runtime_start. */
void pyw_serve_register(void);

/* Serves the exchange and calls its `end` exactly once. **Thread:** a worker; any
 * thread that is not already inside Python. **GIL:** not held by the caller. */
void pyw_serve_run(struct pyw_exchange *exchange);

/* A thread that called pyw_serve_run is about to end, or serves no more: gives back its
 * thread states. **GIL:** not held. */
void pyw_serve_leave_thread(void);

#endif
