/* host.h: what the threads of a daemon process share, and the phases of its life.
 *
 *     starting --ready--> serving --retire--> retiring --+
 *         |                  |                           |
 *         +------ end -------+-------> draining ---------+
 *                                                        |
 *                     exit <-- stopping <-- ending <-----+
 *
 * Threads of the process:
 *
 *   main     starts Python, imports preloads, starts the workers, sleeps until the end,
 *            then runs what Python does at its end (Python's main thread)
 *   monitor  accepts channels, watches the lifeline, signals and request-timeout, moves
 *            the phases, ends the process when Python does not; never runs Python
 *   workers  threads=: each claims a channel, reads a request, runs the application,
 *            answers
 *
 * Lock order: poller lock before channel lock; neither is held across a call that
 * blocks, nor with the GIL wanted while held. A thread that has the GIL may take a
 * channel's lock (sending).
 */
#ifndef PYW_HOST_HOST_H
#define PYW_HOST_HOST_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/setup.h"
#include "channel/table.h"

struct pyw_poller;

enum pyw_phase {
    PYW_PHASE_STARTING = 0, /* Python starts; nothing is accepted */
    PYW_PHASE_SERVING = 1,
    PYW_PHASE_RETIRING = 2, /* serves the channels there are, ends with the last */
    PYW_PHASE_DRAINING = 3, /* finishes requests, refuses new ones */
    PYW_PHASE_ENDING = 4,   /* workers leave */
    PYW_PHASE_STOPPING = 5  /* main runs the end of Python */
};

struct pyw_host {
    /* set before the first thread starts, then constant */
    const struct pyw_setup *setup;
    struct pyw_table *table;
    struct pyw_poller *poller;
    int wake_fd;   /* eventfd: wakes the monitor */
    int notify_fd; /* wakes the supervisor */
    int listener_fd;
    int lifeline_fd;
    sem_t end; /* posted by the monitor: main stops Python */
    /* atomic */
    _Atomic uint32_t phase;      /* enum pyw_phase; written by the monitor alone */
    _Atomic bool is_started;     /* main: Python is up, the workers run */
    _Atomic bool wants_drain;    /* a worker: the script changed */
    _Atomic bool wants_end;      /* signal handler: SIGTERM, SIGINT */
    _Atomic bool wants_handover; /* signal handler: SIGUSR1 */
    _Atomic uint32_t workers;    /* threads that have not ended */
    _Atomic uint32_t
        stuck; /* workers whose request was ended from the outside and still runs */
};

/* @return 0 or -errno. */
int pyw_host_init(struct pyw_host *host, const struct pyw_setup *setup,
                  struct pyw_table *table);
void pyw_host_free(struct pyw_host *host);

/* Makes the monitor look. Async-signal-safe. */
void pyw_host_wake(const struct pyw_host *host);
/* Tells the supervisor, by the group table and the notify pipe. */
void pyw_host_report(const struct pyw_host *host, enum pyw_report report);

enum pyw_phase pyw_host_phase(const struct pyw_host *host);
const char *pyw_host_phase_name(enum pyw_phase phase);
/* Monitor only: phases move forward. */
void pyw_host_enter(struct pyw_host *host, enum pyw_phase phase, const char *event);

/* Worker: this process must not begin another request. */
void pyw_host_ask_drain(struct pyw_host *host);
/* Worker, on the way: anything but serving means that the monitor waits for channels to
 * close. */
static inline bool pyw_host_is_serving(const struct pyw_host *host)
{
    return atomic_load(&host->phase) <= PYW_PHASE_SERVING;
}

#endif
