/* timeouts.h: the limits of a request.
 *
 * request-timeout: the request is ended: 504 (or a cut response) to the client, an
 * entry in the request's log, the stacks of all threads in the process log. The thread
 * goes on with what it does; what it sends is thrown away. With interrupt-timeout,
 * RequestTimeout is raised in the thread first, and the rest follows only if the
 * request is still there when that is over too.
 *
 * queue-timeout: a request that waited longer for a thread is not run. Looked at when
 * it is picked up, and before by host/queue.
 *
 * Never waits for a worker, nor for the GIL.
 */
#ifndef PYW_HOST_TIMEOUTS_H
#define PYW_HOST_TIMEOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/frames.h"
#include "host/host.h"

/* Monitor: ends what is over its time. @return when to look again (clock.h),
 * PYW_CLOCK_NEVER without a limit. */
int64_t pyw_timeouts_enforce(struct pyw_host *host, int64_t now_ms);

/* Monitor: ends every request that runs, because the process does. @return how many. */
uint32_t pyw_timeouts_cut_all(struct pyw_host *host);

/* Monitor: ends a request that has just begun, because it waited too long. @return
 * true.
 */
bool pyw_timeouts_cut_queued(struct pyw_channel *channel);

/* Worker: says in the log of the request, which has begun, that it waited too long. */
void pyw_timeouts_log_queued(struct pyw_frames *frames);

#endif
