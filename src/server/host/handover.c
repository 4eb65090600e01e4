#include "host/handover.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "host/dump.h"
#include "host/journal.h"

static int64_t ms_or_never(int64_t seconds)
{
    return seconds > 0 ? seconds * 1000 : PYW_CLOCK_NEVER;
}

int64_t pyw_handover_shutdown_ms(const struct pyw_host *host)
{
    return ms_or_never(host->setup->options.shutdown_timeout_s);
}

int64_t pyw_handover_grace_ms(const struct pyw_host *host, enum pyw_reason reason)
{
    const struct pyw_options *options = &host->setup->options;
    int64_t seconds = options->graceful_timeout_s;

    if (reason == PYW_REASON_SIGNAL && options->eviction_timeout_s > 0) {
        seconds = options->eviction_timeout_s;
    }
    /* What waits for a script that does not load has waited long enough. */
    if (reason == PYW_REASON_STARTUP || seconds == 0) {
        return pyw_handover_shutdown_ms(host);
    }
    return ms_or_never(seconds);
}

/* What each reason is called: in logs of transitions, and to the application. */
static const struct {
    enum pyw_reason reason;
    const char *name;
    const char *stop_reason;
} names[] = {
    {PYW_REASON_SCRIPT, "script changed", "script_reload"},
    {PYW_REASON_SIGNAL, "hand over", "graceful_signal"},
    {PYW_REASON_REQUESTS, "maximum-requests", "maximum_requests"},
    {PYW_REASON_CPU, "cpu-time-limit", "cpu_time_limit"},
    {PYW_REASON_INTERVAL, "restart-interval", "restart_interval"},
    {PYW_REASON_RELOAD, "reload", "graceful_signal"},
    {PYW_REASON_INACTIVE, "inactivity-timeout", "inactivity_timeout"},
    {PYW_REASON_STUCK, "request-timeout", "request_timeout"},
    {PYW_REASON_ALL_STUCK, "request-timeout of all", "request_timeout"},
    {PYW_REASON_STARTUP, "startup-timeout", "startup_timeout"},
    {PYW_REASON_RSS, "reload-on-rss", "reload_on_rss"},
};

static size_t row_of(enum pyw_reason reason)
{
    size_t i = 0;

    while (i + 1 < sizeof(names) / sizeof(names[0]) && names[i].reason != reason) {
        i++;
    }
    return i;
}

const char *pyw_handover_name(enum pyw_reason reason)
{
    return names[row_of(reason)].name;
}

const char *pyw_handover_stop_reason(const struct pyw_host *host,
                                     enum pyw_reason reason)
{
    if (reason == PYW_REASON_SIGNAL && host->setup->options.eviction_timeout_s > 0) {
        return "eviction_signal";
    }
    return names[row_of(reason)].stop_reason;
}

static double mib(int64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

void pyw_handover_log(struct pyw_host *host, enum pyw_reason reason)
{
    const struct pyw_options *options = &host->setup->options;
    const char *group = host->setup->group;
    int pid = (int)getpid();

    switch (reason) {
    case PYW_REASON_SCRIPT: /* what happens on each deployment */
    case PYW_REASON_RELOAD:
        break;
    case PYW_REASON_SIGNAL:
        PYW_LOG(pyw_journal_line, NULL, HANDOVER_SIGNAL, pid, group);
        break;
    case PYW_REASON_REQUESTS:
        PYW_LOG(pyw_journal_line, NULL, MAXIMUM_REQUESTS, pid, group,
                (long long)host->limits.requests);
        break;
    case PYW_REASON_CPU:
        PYW_LOG(pyw_journal_line, NULL, CPU_LIMIT, pid, group,
                (long long)options->cpu_time_limit_s);
        break;
    case PYW_REASON_INTERVAL:
        PYW_LOG(pyw_journal_line, NULL, RESTART_INTERVAL, pid, group,
                (long long)host->limits.interval_ms / 1000);
        break;
    case PYW_REASON_RSS:
        PYW_LOG(pyw_journal_line, NULL, RSS_LIMIT, pid, group,
                mib(pyw_memory_resident()), mib(host->limits.rss_bytes));
        break;
    case PYW_REASON_INACTIVE:
        PYW_LOG(pyw_journal_line, NULL, INACTIVE, pid, group,
                (long long)options->inactivity_timeout_s);
        break;
    case PYW_REASON_STUCK:
    case PYW_REASON_ALL_STUCK:
        PYW_LOG(pyw_journal_line, NULL, STUCK, atomic_load(&host->stuck),
                atomic_load(&host->workers), pid, group);
        break;
    case PYW_REASON_STARTUP:
        PYW_LOG(pyw_journal_line, NULL, STARTUP_TIMEOUT, pid, group,
                (long long)options->startup_timeout_s);
        pyw_dump_log(host);
        break;
    }
}
