/* signals.h: the signals of a daemon process, turned into requests to the monitor.
 *
 *   SIGTERM, SIGINT   end: running requests get a short grace; the second one ends at
 *                     once
 *   SIGUSR1           hand over: finish what is running, then end
 *   SIGXCPU           the same: cpu-time-limit is used up
 *   SIGHUP, SIGUSR2   the application is told (host/dispatch)
 *   SIGPIPE           ignored, as Python does
 *
 * Handlers, not a blocked mask: programs that the application starts inherit a mask,
 * but not a handler. A fault (SIGSEGV, ...) keeps its default: the process dies of it
 * and everybody can see it.
 */
#ifndef PYW_HOST_SIGNALS_H
#define PYW_HOST_SIGNALS_H

#include "host/host.h"

/* Main thread, before others start. The host stays valid for the life of the process.
 */
void pyw_signals_install(struct pyw_host *host);

/* In a process that was forked from a zygote: the handlers, which stay, are for it. */
void pyw_signals_adopt(struct pyw_host *host);

/* Has the main thread look for handlers of the application's. Async-signal-safe. */
void pyw_signals_wake_main(void);

/* After fork(), in the child process: signals do there what they always do, so that the
 * application can end it. Async-signal-safe. */
void pyw_signals_reset(void);

#endif
