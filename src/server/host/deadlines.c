#include "host/deadlines.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "host/dump.h"
#include "host/journal.h"
#include "host/queue.h"
#include "host/timeouts.h"
#include "python/loader.h"

/* How long a worker has to be stuck: one that was woken by the cut comes back before.
 */
#define STUCK_MS 1000
/* Python that seems stuck gets this much longer: perhaps the whole process stood still.
 */
#define DEADLOCK_CONFIRM_MS 1500
/* A process that is to be replaced once it is idle is looked at this often. */
#define IDLE_LOOK_MS 50
/* So often the memory of the process is looked at. */
#define RSS_LOOK_MS 1000

static bool may_hand_over(const struct pyw_host *host, enum pyw_reason reason)
{
    return pyw_host_phase(host) <= PYW_PHASE_SERVING &&
           (atomic_load(&host->asked) & (uint32_t)reason) == 0;
}

/* @return never: there is no second time. */
static int64_t hand_over(struct pyw_host *host, enum pyw_reason reason)
{
    atomic_fetch_or(&host->asked, (uint32_t)reason);
    return PYW_CLOCK_NEVER;
}

/* Hands over once something has been so for STUCK_MS. */
static int64_t hand_over_if(struct pyw_host *host, enum pyw_reason reason, bool is_so,
                            int64_t *until_ms, int64_t now_ms)
{
    if (!is_so || !may_hand_over(host, reason)) {
        *until_ms = PYW_CLOCK_NEVER;
    } else if (*until_ms == PYW_CLOCK_NEVER) {
        *until_ms = now_ms + STUCK_MS;
    } else if (now_ms >= *until_ms) {
        return hand_over(host, reason);
    }
    return *until_ms;
}

/* Workers are in requests that were ended from the outside. The others serve on. */
static int64_t enforce_stuck(struct pyw_host *host, int64_t now_ms)
{
    uint32_t stuck = atomic_load(&host->stuck);

    return hand_over_if(host, PYW_REASON_STUCK,
                        stuck > 0 && stuck < atomic_load(&host->workers),
                        &host->stuck_until_ms, now_ms);
}

/* All are. */
static int64_t enforce_all_stuck(struct pyw_host *host, int64_t now_ms)
{
    uint32_t stuck = atomic_load(&host->stuck);

    return hand_over_if(host, PYW_REASON_ALL_STUCK,
                        stuck > 0 && stuck >= atomic_load(&host->workers),
                        &host->all_stuck_until_ms, now_ms);
}

/* The clock runs from the first script that is loaded until one has been. */
static int64_t enforce_startup(struct pyw_host *host, int64_t now_ms)
{
    int64_t timeout_ms = host->setup->options.startup_timeout_s * 1000;
    int64_t since_ms = pyw_loader_waits_since_ms();

    if (timeout_ms == 0 || since_ms < 0 || !may_hand_over(host, PYW_REASON_STARTUP)) {
        return PYW_CLOCK_NEVER;
    }
    if (since_ms == 0) {
        return now_ms + timeout_ms; /* of a load that begins now */
    }
    return now_ms >= since_ms + timeout_ms ? hand_over(host, PYW_REASON_STARTUP)
                                           : since_ms + timeout_ms;
}

static int64_t enforce_interval(struct pyw_host *host, int64_t now_ms)
{
    int64_t interval_ms = host->limits.interval_ms;

    if (interval_ms == 0 || pyw_host_phase(host) != PYW_PHASE_SERVING ||
        !may_hand_over(host, PYW_REASON_INTERVAL)) {
        return PYW_CLOCK_NEVER;
    }
    return now_ms >= host->begun_ms + interval_ms ? hand_over(host, PYW_REASON_INTERVAL)
                                                  : host->begun_ms + interval_ms;
}

/* Looked at each second. A process that has served nothing stays: its successor would
 * be as large. */
static int64_t enforce_rss(struct pyw_host *host, int64_t now_ms)
{
    int64_t rss;

    if (host->limits.rss_bytes == 0 || pyw_host_phase(host) != PYW_PHASE_SERVING ||
        !may_hand_over(host, PYW_REASON_RSS)) {
        return PYW_CLOCK_NEVER;
    }
    if (now_ms < host->rss_look_ms) {
        return host->rss_look_ms;
    }
    host->rss_look_ms = now_ms + RSS_LOOK_MS;
    if (pyw_table_served(host->table, host->setup->slot) == host->served_before) {
        return host->rss_look_ms;
    }
    rss = pyw_memory_resident();
    if (rss < 0) {
        PYW_LOG(pyw_journal_line, NULL, RSS_UNKNOWN, (int)getpid(), host->setup->group,
                strerror((int)-rss));
        host->rss_look_ms = PYW_CLOCK_NEVER;
    }
    return rss > host->limits.rss_bytes ? hand_over(host, PYW_REASON_RSS)
                                        : host->rss_look_ms;
}

/* A process that has served nothing has nothing to give back: it stays. */
static int64_t enforce_inactivity(struct pyw_host *host, int64_t now_ms)
{
    int64_t timeout_ms = host->setup->options.inactivity_timeout_s * 1000;
    int64_t since_ms = atomic_load(&host->activity_ms);

    if (timeout_ms == 0 || !may_hand_over(host, PYW_REASON_INACTIVE)) {
        return PYW_CLOCK_NEVER;
    }
    if (since_ms == 0) {
        return now_ms + timeout_ms; /* of a request that begins now */
    }
    if (now_ms < since_ms + timeout_ms) {
        return since_ms + timeout_ms;
    }
    return pyw_table_active(host->table, host->setup->slot) > 0
               ? now_ms + IDLE_LOOK_MS
               : hand_over(host, PYW_REASON_INACTIVE);
}

/* Nobody who needs Python gets any further, the end of the process included. */
__attribute__((noreturn)) static void end_deadlocked(struct pyw_host *host)
{
    pyw_host_enter(host, PYW_PHASE_DRAINING, "deadlock"); /* a successor starts */
    PYW_LOG(pyw_journal_line, NULL, DEADLOCK, (int)getpid(), host->setup->group,
            (long long)host->setup->options.deadlock_timeout_s);
    pyw_dump_log(host);
    (void)pyw_timeouts_cut_all(host);
    _exit(0);
}

static int64_t enforce_deadlock(struct pyw_host *host, int64_t now_ms)
{
    int64_t timeout_ms = host->setup->options.deadlock_timeout_s * 1000;
    int64_t pulse_ms = atomic_load(&host->pulse_ms);

    if (timeout_ms == 0 || pyw_host_phase(host) == PYW_PHASE_STOPPING) {
        return PYW_CLOCK_NEVER;
    }
    if (pulse_ms == 0 || now_ms < pulse_ms + timeout_ms) {
        host->deadlock_until_ms = PYW_CLOCK_NEVER;
        return (pulse_ms == 0 ? now_ms : pulse_ms) + timeout_ms;
    }
    if (host->deadlock_until_ms == PYW_CLOCK_NEVER) {
        host->deadlock_until_ms = now_ms + DEADLOCK_CONFIRM_MS;
    } else if (now_ms >= host->deadlock_until_ms) {
        end_deadlocked(host);
    }
    return host->deadlock_until_ms;
}

int64_t pyw_deadlines_enforce(struct pyw_host *host, int64_t now_ms)
{
    static int64_t (*const rows[])(struct pyw_host *, int64_t) = {
        pyw_timeouts_enforce, pyw_queue_enforce,  enforce_stuck,
        enforce_all_stuck,    enforce_startup,    enforce_interval,
        enforce_rss,          enforce_inactivity, enforce_deadlock,
    };
    int64_t next_ms = PYW_CLOCK_NEVER;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t due_ms = rows[i](host, now_ms);

        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    return next_ms;
}
