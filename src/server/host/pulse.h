/* pulse.h: the helper thread that goes into Python for the monitor, which never does:
 * once a second it takes the main interpreter's GIL and notes that it could
 * (deadlock-timeout), and it raises RequestTimeout in threads (interrupt-timeout).
 */
#ifndef PYW_HOST_PULSE_H
#define PYW_HOST_PULSE_H

#include "host/host.h"

/* Starts the thread, where an option needs it. Main thread, once Python is up. */
void pyw_pulse_start(struct pyw_host *host);

/* Monitor: an exchange wants to be interrupted. */
void pyw_pulse_poke(const struct pyw_host *host);

#endif
