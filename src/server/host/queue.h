/* queue.h: queue-timeout for requests that nobody has picked up because all workers are
 * busy.
 *
 * They wait unread in the sockets of their channels. While every worker is busy the
 * monitor looks into the channels that no worker owns: without taking anything out,
 * until a request is over its time; that one it answers 504 in a worker's place.
 *
 * Monitor thread. Never waits.
 */
#ifndef PYW_HOST_QUEUE_H
#define PYW_HOST_QUEUE_H

#include <stdint.h>

#include "host/host.h"

struct pyw_queue; /* what the monitor needs to answer; made when it first does */

/* A row of host/deadlines. @return when to look again (clock.h). */
int64_t pyw_queue_enforce(struct pyw_host *host, int64_t now_ms);
void pyw_queue_free(struct pyw_queue *queue); /* NULL is fine */

#endif
