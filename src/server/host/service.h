/* service.h: a process of a group with threads=0. Its main thread runs the group's
 * scripts as a program (python/program), or waits for the times of its schedule= and
 * has each run done by a process of its own (python/schedule). There is no listener and
 * no worker; monitor, pulse and dispatch are as in any daemon.
 *
 * The process ends with its program. One that is told to end passes that on at once,
 * and has shutdown-timeout= from there. What hands over elsewhere, ends here: a
 * successor starts when the process has gone, so that a program never runs twice.
 */
#ifndef PYW_HOST_SERVICE_H
#define PYW_HOST_SERVICE_H

#include "host/host.h"

/* Main thread, once Python is up: what can fail before the process counts as ready.
 * @return 0, or the exit status: it cannot run, and has said why. */
int pyw_service_prepare(struct pyw_host *host);

/* Main thread: runs the program to its end, and Python's. @return the exit status. */
int pyw_service_run(struct pyw_host *host);

/* Monitor: the process is to end; tells the program, unless a signal has. */
void pyw_service_tell(struct pyw_host *host);

/* Monitor: how long the program has from then on; PYW_CLOCK_NEVER. */
int64_t pyw_service_grace_ms(const struct pyw_host *host);

/* Monitor: that time is over. */
__attribute__((noreturn)) void pyw_service_give_up(struct pyw_host *host);

#endif
