/* forking.h: Python in a zygote (preload=On): it is made ready to be shared, and forked
 * again and again while the process has one thread; sub-interpreters do not survive
 * that, so that there is none.
 *
 * Main thread, not inside Python.
 */
#ifndef PYW_PYTHON_FORKING_H
#define PYW_PYTHON_FORKING_H

#include "base/setup.h"

/* All scripts are imported: what they left is collected, the rest frozen, so that the
 * garbage collector of no process writes to it; threads that will be missing are named
 * in the log. */
void pyw_forking_settle(void);

/* Forks a process whose parent is not this one but whoever adopts orphans. `place` runs
 * in it before Python hears of the fork; what it returns ends it unless it is 0.
 * @return 0: in the new process; 1: it is there; -errno. */
int pyw_forking_fork(int (*place)(void *context), void *context);

/* In the new process, which may have threads by now: runs what the application
 * registered for after the fork. @return 0, or -1: a function failed (logged). */
int pyw_forking_finish(const struct pyw_setup *setup);

#endif
