/* worker.h: the threads that serve requests: claim a channel, read, run the
 * application, answer.
 *
 * Each is alone with what it has claimed; there is no hand-over between threads.
 */
#ifndef PYW_HOST_WORKER_H
#define PYW_HOST_WORKER_H

#include <pthread.h>

#include "host/host.h"

/* Starts the group's `threads=` workers, with `stack-size=`, and what watches them.
 * Main thread; they live until pyw_poller_stop. @return 0 or -errno, with some of them
 * running. */
int pyw_worker_start_all(struct pyw_host *host);

/* A thread that runs the application gets as much stack as a worker. @return 0 or
 * -errno. */
int pyw_worker_set_stack(pthread_attr_t *attributes, const struct pyw_options *options);

#endif
