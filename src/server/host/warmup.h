/* warmup.h: requests that a process makes of itself before it is ready (warmup=/path),
 * so that no client waits for what an application puts off until its first request.
 *
 * They are GET requests from 127.0.0.1 to `localhost`, served as any other, but for
 * `mod_wsgi.warmup` in environ; no body of theirs goes anywhere. They run on a thread
 * of their own, one after the other, so that the process can go on without one that
 * takes too long.
 */
#ifndef PYW_HOST_WARMUP_H
#define PYW_HOST_WARMUP_H

#include <stdbool.h>

#include "host/host.h"

/* Main thread, once; blocks until all are answered or their time is over
 * (startup-timeout=, else a minute). @return false: one failed (logged): an exception,
 * a status of 500 or more, no answer in time. */
bool pyw_warmup_run(struct pyw_host *host);

#endif
