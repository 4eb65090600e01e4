#include "host/limits.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/journal.h"

/* @return 0 to `most`, each as likely as the others. */
static int64_t draw(int64_t most)
{
    uint64_t number = 0;

    /* Cannot fail for so few bytes once the system has started; then it is no disaster
     * either. */
    (void)!getrandom(&number, sizeof(number), 0);
    return (int64_t)(number % ((uint64_t)most + 1));
}

void pyw_limits_draw(struct pyw_limits *limits, const struct pyw_options *options)
{
    *limits = (struct pyw_limits){
        .requests = options->maximum_requests,
        .interval_ms = options->restart_interval_s * 1000,
        .rss_bytes = options->reload_on_rss,
    };
    if (limits->requests > 0) {
        limits->requests += draw(options->maximum_requests_jitter);
    }
    if (limits->interval_ms > 0) {
        limits->interval_ms += draw(options->restart_interval_jitter_s * 1000);
    }
    if (limits->rss_bytes < 0) {
        limits->rss_bytes = pyw_memory_allowed("") / 100 * -limits->rss_bytes;
    }
}

void pyw_limits_log(const struct pyw_limits *limits, const char *group)
{
    if (limits->requests > 0 || limits->interval_ms > 0 || limits->rss_bytes > 0) {
        pyw_journal_line(NULL, PYW_LEVEL_DEBUG,
                         "Process %d of group '%s' is to be replaced after %lld "
                         "requests, %.3f s, or with %lld bytes of memory; 0: never",
                         (int)getpid(), group, (long long)limits->requests,
                         (double)limits->interval_ms / 1000,
                         (long long)limits->rss_bytes);
    }
}
