/* deadlines.h: everything that is due at a time: the limits of requests (host/timeouts,
 * host/queue)
 * and those of the process: startup-timeout, restart-interval, reload-on-rss,
 * inactivity-timeout, deadlock-timeout, and workers that stay stuck. One table; no row
 * depends on another's option.
 *
 * Monitor thread. Never waits for a worker, nor for the GIL.
 */
#ifndef PYW_HOST_DEADLINES_H
#define PYW_HOST_DEADLINES_H

#include <stdint.h>

#include "host/host.h"

/* Does what is due; a process that has to hand over is asked to (`asked` of the host).
 * @return when to look again (clock.h). */
int64_t pyw_deadlines_enforce(struct pyw_host *host, int64_t now_ms);

#endif
