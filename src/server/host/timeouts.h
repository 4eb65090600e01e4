/* timeouts.h: request-timeout: finds the requests that have run for too long and ends
 * them: 504 (or a cut response) to the client, an entry in the request's log, the
 * stacks of all threads in the process log. The thread goes on with what it does; what
 * it sends is thrown away.
 *
 * Monitor thread. Never waits for a worker, nor for the GIL.
 */
#ifndef PYW_HOST_TIMEOUTS_H
#define PYW_HOST_TIMEOUTS_H

#include <stdint.h>

#include "host/host.h"

/* Ends what is over its time. @return when to look again (clock.h), PYW_CLOCK_NEVER
 * without a limit. */
int64_t pyw_timeouts_enforce(struct pyw_host *host, int64_t now_ms);

/* Ends every request that runs, because the process does. @return how many. */
uint32_t pyw_timeouts_cut_all(struct pyw_host *host);

#endif
