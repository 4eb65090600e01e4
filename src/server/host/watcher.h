/* watcher.h: a thread that looks how the workers fare, and says how many the gate lets
 * out (host/gate; what it decides is host/pacing).
 *
 * It looks each millisecond while that changes something, less often while it does not,
 * and sleeps once at most one request runs at a time: a request costs one atomic load
 * then. It looks
 * who is free, who waits for the GIL, whether a request waits, and, where one does that
 * nobody is free to take, whether the kernel has any of the workers run.
 *
 * Where there is no GIL, or there are more than lanes, or a lane has one worker, or
 * there is no thread for it, all are let out.
 */
#ifndef PYW_HOST_WATCHER_H
#define PYW_HOST_WATCHER_H

#include "host/host.h"

/* Before the workers are started. Main thread; the thread lives until the gate is open,
 * or the process ends. */
void pyw_watcher_start(struct pyw_host *host);

#endif
