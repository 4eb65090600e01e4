/* dump.h: what all threads of the process do at the moment: which worker runs which
 * request and for how long, how many wait, and the Python stacks of all threads. A
 * request and its stack have the same thread id.
 *
 * Any thread that is not inside Python. Nothing here needs the GIL; the stacks wait for
 * it a second at most, and do without source lines then (python/stacks).
 */
#ifndef PYW_HOST_DUMP_H
#define PYW_HOST_DUMP_H

#include "host/host.h"

/* Writes it to any descriptor, which stays the caller's. Waits for the other side, but
 * not for ever. */
void pyw_dump_write(struct pyw_host *host, int fd);

/* Writes it to the process log, as one entry. */
void pyw_dump_log(struct pyw_host *host);

/* The same two on a thread of their own, for the monitor, which has no time; the
 * descriptor is closed in the end. No second entry is begun while one is under way. */
void pyw_dump_pass(struct pyw_host *host, int fd);
void pyw_dump_log_aside(struct pyw_host *host);

#endif
