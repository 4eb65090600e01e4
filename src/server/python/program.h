/* program.h: the scripts of a group with threads=0, run as a program: on the main
 * thread, in order, and the process ends with the last of them or with the first that
 * fails.
 *
 * What tells a program to end is SIGTERM. It raises SystemExit in the main thread, if
 * the program has no handler of its own, so that `finally` and exit functions run. Only
 * the main interpreter has signals: in another the exception comes between two steps of
 * Python code, and waits for calls that block.
 */
#ifndef PYW_PYTHON_PROGRAM_H
#define PYW_PYTHON_PROGRAM_H

#include <Python.h>

#include "base/setup.h"

#define PYW_PROGRAM_OUTCOME_MAX 160

/* Runs the scripts of the setup, and says in the log what became of them. A process
 * that they forked off does not come back from this: it ends as one of its own would.
 * `outcome` gets "ok" or what went wrong. **Thread:** main. **GIL:** not held.
 * @return the exit status. */
int pyw_program_run(const struct pyw_setup *setup,
                    char outcome[PYW_PROGRAM_OUTCOME_MAX]);

/* Ends a process of its own that ran them: its threads and exit functions have come to
 * their end. **Thread:** main. **GIL:** not held. */
__attribute__((noreturn)) void pyw_program_exit(int status);

/* Tells a program to end that runs in another interpreter than the main one; does
 * nothing for the others. **Thread:** one that is not inside Python. */
void pyw_program_interrupt(void);

/* New reference to the handler of SIGTERM; NULL with an exception. **GIL:** held. */
PyObject *pyw_program_make_handler(void);

#endif
