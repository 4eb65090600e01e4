/* schedule.h: schedule= of a process group with threads=0. The process has nothing of
 * the application: at each of the times it forks one that runs the scripts
 * (python/program), and says in the log what became of it. When, what if the last one
 * is still at work, and how it ends, is python/schedule.py's to say.
 *
 * **Thread:** main, all of it. **GIL:** not held.
 */
#ifndef PYW_PYTHON_SCHEDULE_H
#define PYW_PYTHON_SCHEDULE_H

#include "base/setup.h"

/* Once Python is up: reads the schedule. @return 0, or -1: the job cannot run, and the
 * log says why. */
int pyw_schedule_prepare(const struct pyw_setup *setup);

/* Until the process is told to end (SIGTERM). @return the exit status. */
int pyw_schedule_run(void);

#endif
