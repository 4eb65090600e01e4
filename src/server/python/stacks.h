/* stacks.h: the Python stacks of all threads, for the log.
 *
 * Two ways. The good one asks Python, in a helper thread, and shows source lines of
 * every interpreter. Where the GIL does not come free within a second, the stacks are
 * walked without it, as faulthandler does at a crash.
 */
#ifndef PYW_PYTHON_STACKS_H
#define PYW_PYTHON_STACKS_H

/* Once, before the interpreters are set up. */
void pyw_stacks_init(void);

/* What faulthandler has to listen to, and where it is to write; 0 and -1: nothing. */
int pyw_stacks_signal(void);
int pyw_stacks_signal_fd(void);

/* In a process that was forked from one that serves nothing. */
void pyw_stacks_renew(void);

/* Writes them to `fd`. From any thread that is not inside Python. */
void pyw_stacks_dump(int fd);

#endif
