/* process.h: monitor, poller and workers of a process together, with a C function for
 * the application, and its children's side; for the tests of host/.
 */
#ifndef PYW_UNIT_PROCESS_H
#define PYW_UNIT_PROCESS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/pyw_exchange.h"
#include "host/host.h"
#include "peer.h"

#define PROCESS_THREADS 4

extern struct pyw_setup process_setup;
extern struct pyw_host process_host;
extern int process_lifeline[2];         /* 1: the supervisor's end */
extern _Atomic int process_may_go_on;   /* for applications that wait */
extern int64_t process_queue_timeout_s; /* before the start */

void process_start(void (*serve)(struct pyw_exchange *), int64_t timeout_s);
/* Waits until the monitor says that Python may stop. */
void process_finish(void);

/* Applications. */
void process_say_hello(struct pyw_exchange *x);
void process_wait_for_leave(struct pyw_exchange *x);

/* A channel of a child, which has said HELLO. */
void process_join(struct peer *peer);
/* The answer of the applications above. */
void process_expect_hello(struct peer *peer);
/* All workers in a request each, which goes on until it may. */
void process_keep_busy(struct peer *peers);
/* For a thread: 10 channels, 30 requests on each. */
void *process_ask_often(void *unused);

#endif
