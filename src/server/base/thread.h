/* thread.h: the server's own threads: they handle no signals, which are for the main
 * thread, so that nobody's system calls are interrupted for nothing, and nobody waits
 * for their end. They start no programs, which would inherit that mask.
 *
 * Daemon processes and Apache children; any thread. GIL: not needed.
 */
#ifndef PYW_BASE_THREAD_H
#define PYW_BASE_THREAD_H

#include <pthread.h>

/* Runs a function on a thread of its own. @return 0 or -errno: there is no thread. */
int pyw_thread_start(void *(*run)(void *argument), void *argument);
/* The same, but the caller waits for its end: pthread_join. */
int pyw_thread_start_joinable(void *(*run)(void *argument), void *argument,
                              pthread_t *thread);

#endif
