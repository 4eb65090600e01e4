/* monitor.h: the thread that watches over the process: it accepts channels, so that
 * accepting never waits for a worker; it watches the lifeline, the signals and all that
 * is due at a time (host/deadlines); and it moves the process through its phases
 * (host/host) to its end.
 *
 *   phase      entered by                    left when
 *   starting   exec                          main says that Python is up
 *   serving                                  see the next two
 *   draining   a reason to hand over         no channel is open, or the grace is over:
 *              (host/handover), or SIGTERM,  what still runs is then cut
 *              end of the lifeline
 *   ending                                   all workers have left but those stuck
 *   stopping   main runs atexit functions    the process ends; after shutdown-timeout
 *                                            without them
 *
 * **GIL:** never takes it: it works when Python does not.
 */
#ifndef PYW_HOST_MONITOR_H
#define PYW_HOST_MONITOR_H

#include "host/host.h"

/* Starts the thread. Main thread, before Python. @return 0 or -errno. */
int pyw_monitor_start(struct pyw_host *host);

#endif
