/* handover.h: the reasons for which a process hands over to another: what each writes
 * to the log, and how long running requests may then go on.
 *
 * There is one way to go: the process wishes a successor, and serves until the
 * supervisor has one ready; then it drains: what runs is finished, and the process
 * ends. One that cannot serve any more drains at once.
 *
 * Monitor thread.
 */
#ifndef PYW_HOST_HANDOVER_H
#define PYW_HOST_HANDOVER_H

#include <stdint.h>

#include "host/host.h"

/* How long running requests may go on, PYW_CLOCK_NEVER for as long as they like: when
 * the process is told to end, and when it hands over for one of the reasons. */
int64_t pyw_handover_shutdown_ms(const struct pyw_host *host);
int64_t pyw_handover_grace_ms(const struct pyw_host *host, enum pyw_reason reason);

/* A word for logs of transitions. */
const char *pyw_handover_name(enum pyw_reason reason);
/* The shutdown_reason that the application is told. */
const char *pyw_handover_stop_reason(const struct pyw_host *host,
                                     enum pyw_reason reason);

/* Says in the process log why. */
void pyw_handover_log(struct pyw_host *host, enum pyw_reason reason);

#endif
