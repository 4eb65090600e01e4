/* thread.h: the server's own threads: they handle no signals, which are for the main
 * thread, so that nobody's system calls are interrupted for nothing, and nobody waits
 * for their end. They start no programs, which would inherit that mask.
 *
 * Daemon processes, and Apache children in embedded mode; any thread. GIL: not needed.
 */
#ifndef PYW_BASE_THREAD_H
#define PYW_BASE_THREAD_H

/* Runs a function on a thread of its own. @return 0 or -errno: there is no thread. */
int pyw_thread_start(void *(*run)(void *argument), void *argument);

#endif
