/* dispatch.h: the thread that tells the application what happens to the process:
 * process_signal for SIGHUP and SIGUSR2, and process_stopping once it begins to drain,
 * so that requests that would go on for long can be told to come to an end.
 *
 * It runs callbacks of the application, which may take as long as they like: nobody
 * waits for it but main at the end of the process, for as long as the monitor allows.
 */
#ifndef PYW_HOST_DISPATCH_H
#define PYW_HOST_DISPATCH_H

#include "host/host.h"

/* Starts the thread. Main thread, once Python is up. */
void pyw_dispatch_start(struct pyw_host *host);

/* A signal came. Async-signal-safe; none is lost. */
void pyw_dispatch_signal(struct pyw_host *host, int number);
/* The process drains; `stop_reason` of the host says why. Monitor. */
void pyw_dispatch_stopping(struct pyw_host *host);

/* Main, when no request runs any more: process_stopping has been published on return.
 */
void pyw_dispatch_finish(struct pyw_host *host);

#endif
