/* reporter.h: the thread that reports about this process by datagrams
 * (WSGITelemetryService, docs/telemetry.md), and the requests that run at the moment,
 * among which it finds the slow ones (WSGISlowRequests).
 *
 * Sending never blocks: where nobody takes a datagram, it is lost.
 *
 * **GIL:** not needed, and not taken.
 */
#ifndef PYW_PYTHON_REPORTER_H
#define PYW_PYTHON_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/head.h"
#include "base/setup.h"

/* A request that runs; on the stack of its thread. */
struct pyw_running {
    struct pyw_running *next;
    const struct pyw_request_head *head;
    int64_t begun_us; /* monotonic */
    unsigned thread;
    bool is_listed;
};

/* Starts the thread, and counting, where the setup asks for it. Once, when Python is
 * up; where it cannot, the process log says so and nothing is reported. */
void pyw_reporter_start(const struct pyw_setup *setup);
/* The process begins to end, for this reason; it has ended. Without a thread they do
 * nothing. */
void pyw_reporter_stopping(const char *reason);
void pyw_reporter_stopped(void);

/* The calling thread serves a request, until it leaves it. Where slow requests are not
 * looked for they do nothing. */
void pyw_reporter_enter(struct pyw_running *running,
                        const struct pyw_request_head *head, int64_t begun_us);
void pyw_reporter_leave(struct pyw_running *running);

#endif
