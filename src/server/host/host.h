/* host.h: what the threads of a daemon process share, and the phases of its life.
 *
 *     starting --ready--> serving --end--> draining --> ending --> stopping --> exit
 *         |                                    |
 *         +---------------- end ---------------+
 *
 * Threads of the process:
 *
 *   main     starts Python, imports preloads, starts the workers, sleeps until the end,
 *            woken for an application's signal handlers, then runs what Python does at
 *            its end (main thread in Python's sense)
 *   monitor  accepts channels, watches the lifeline, signals and deadlines, moves the
 *            phases, and ends the process when Python does not; never runs Python
 *   pulse    goes into Python for the monitor (host/pulse)
 *   dispatch tells the application of signals and of the end (host/dispatch)
 *   watcher  says how many workers may be out at a time (host/watcher)
 *   workers  threads=: each claims a channel, reads a request, runs the application,
 *            answers
 *
 * Lock order: poller lock before channel lock, those of the gate alone; neither is held
 * across a call that blocks, nor with the GIL wanted while held. A thread that has the
 * GIL may take a channel's lock (sending).
 */
#ifndef PYW_HOST_HOST_H
#define PYW_HOST_HOST_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/setup.h"
#include "channel/table.h"
#include "host/limits.h"

struct pyw_gate;
struct pyw_poller;
struct pyw_queue;

/* SIGHUP, SIGUSR2. */
#define PYW_DISPATCH_SIGNALS 2

enum pyw_phase {
    PYW_PHASE_STARTING = 0, /* Python starts; nothing is accepted */
    PYW_PHASE_SERVING = 1,
    PYW_PHASE_DRAINING = 2, /* finishes requests, refuses new ones */
    PYW_PHASE_ENDING = 3,   /* workers leave */
    PYW_PHASE_STOPPING = 4  /* main runs the end of Python */
};

/* Why a process hands over to another (host/handover); bits of `asked`. For most it
 * wishes a successor of the supervisor and goes on serving until that is ready; the
 * last three leave nothing to serve with, or nobody to serve. */
enum pyw_reason {
    PYW_REASON_SCRIPT = 1,      /* the script changed */
    PYW_REASON_SIGNAL = 2,      /* SIGUSR1 */
    PYW_REASON_REQUESTS = 4,    /* maximum-requests */
    PYW_REASON_CPU = 8,         /* cpu-time-limit */
    PYW_REASON_INTERVAL = 16,   /* restart-interval */
    PYW_REASON_RSS = 32,        /* reload-on-rss */
    PYW_REASON_STUCK = 64,      /* request-timeout, and the thread did not come back */
    PYW_REASON_RELOAD = 128,    /* none of its own: the supervisor said so */
    PYW_REASON_INACTIVE = 256,  /* inactivity-timeout */
    PYW_REASON_ALL_STUCK = 512, /* as STUCK, and no thread is left */
    PYW_REASON_STARTUP = 1024   /* startup-timeout */
};

#define PYW_REASONS_WISHING                                                            \
    (PYW_REASON_SCRIPT | PYW_REASON_SIGNAL | PYW_REASON_REQUESTS | PYW_REASON_CPU |    \
     PYW_REASON_INTERVAL | PYW_REASON_RSS | PYW_REASON_STUCK)

struct pyw_host {
    /* set before the first thread starts, then constant */
    const struct pyw_setup *setup;
    struct pyw_table *table;
    struct pyw_poller *poller;
    struct pyw_gate *gate; /* before it */
    int wake_fd;           /* eventfd: wakes the monitor */
    int notify_fd;         /* wakes the supervisor */
    int listener_fd;
    int lifeline_fd;
    int pulse_fd;     /* eventfd: wakes host/pulse */
    int64_t begun_ms; /* when the process began */
    struct pyw_limits limits;
    uint64_t served_before; /* the slot's count, by its processes before */
    sem_t end; /* wakes main: the monitor, to stop Python; a signal, to handle it */
    struct {   /* host/dispatch */
        bool is_running; /* set before the workers start */
        sem_t something; /* posted when there is something to tell */
        sem_t done;      /* posted when process_stopping is published */
        _Atomic uint32_t signals[PYW_DISPATCH_SIGNALS]; /* not told of yet */
    } dispatch;
    /* atomic */
    _Atomic uint32_t phase;  /* enum pyw_phase; written by the monitor alone */
    _Atomic bool is_started; /* main: Python is up, the workers run */
    _Atomic bool wants_end;  /* signal handler: SIGTERM, SIGINT */
    _Atomic bool is_dumping; /* host/dump: an entry of the log is being made */
    _Atomic bool tells_end;  /* monitor: the next SIGTERM is its own (host/service) */
    _Atomic uint32_t asked;  /* anybody: enum pyw_reason */
    _Atomic uint32_t wished; /* the first that a successor was wished for; 0: none */
    _Atomic(const char *)
        stop_reason; /* monitor: shutdown_reason once the process drains; NULL before */
    _Atomic uint32_t workers; /* threads that have not ended */
    _Atomic uint32_t
        stuck; /* workers whose request was ended from the outside and still runs */
    _Atomic uint64_t begun;      /* requests */
    _Atomic int64_t activity_ms; /* the last, for inactivity-timeout; 0: none yet */
    _Atomic int64_t pulse_ms;    /* when Python last let host/pulse in; 0: not asked */
    /* monitor */
    struct pyw_queue *queue;    /* host/queue; NULL: not needed yet */
    int64_t rss_look_ms;        /* when to look at the memory again; 0: now */
    int64_t stuck_until_ms;     /* a worker is stuck: to bear until then */
    int64_t all_stuck_until_ms; /* the same of all */
    int64_t deadlock_until_ms;  /* Python seems stuck: to bear until then */
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

/* Any thread: the monitor is to see to it. */
void pyw_host_ask_handover(struct pyw_host *host, enum pyw_reason reason);
/* Any thread: asks the supervisor for a successor; this process goes on until it is
 * told to drain. */
void pyw_host_wish(struct pyw_host *host, enum pyw_reason reason);
/* Worker: whether a request may begin. */
bool pyw_host_may_begin(const struct pyw_host *host);
/* Worker: something happened on a request with those flags; inactivity-timeout counts
 * it unless they say no. */
void pyw_host_note_activity(struct pyw_host *host, uint16_t flags);
/* Worker, on the way: anything but serving means that the monitor waits for channels to
 * close. */
static inline bool pyw_host_is_serving(const struct pyw_host *host)
{
    return atomic_load(&host->phase) <= PYW_PHASE_SERVING;
}

#endif
