#include "apache/refusal.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>

#include "apache/log.h"
#include "apache/timeout_page.h"
#include "base/clock.h"
#include "channel/throttle.h"

/* For what may be over at any moment. */
#define RETRY_SOON_MS 1000

static int unavailable(const struct pyw_refusal *refusal, int retry_ms)
{
    request_rec *r = refusal->r;

    if (!refusal->is_question) {
        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_itoa(r->pool, (retry_ms + 999) / 1000));
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

int pyw_refusal_queue_full(const struct pyw_refusal *refusal)
{
    const struct pyw_group *group = refusal->group;

    if (pyw_throttle_note(pyw_table_refused(group->table))) {
        PYW_LOG(pyw_log_request, refusal->r, QUEUE_SIZE, group->name,
                (long long)group->setup.options.queue_size);
    }
    pyw_refusal_catch_up(refusal);
    return unavailable(refusal, RETRY_SOON_MS);
}

void pyw_refusal_catch_up(const struct pyw_refusal *refusal)
{
    const struct pyw_group *group = refusal->group;
    uint32_t count = pyw_throttle_due(pyw_table_refused(group->table));

    if (count > 0) {
        PYW_LOG(pyw_log_request, refusal->r, QUEUE_SIZE_MORE, group->name, count,
                (long long)group->setup.options.queue_size);
    }
}

/* The group cannot start its processes: told of once for each try. */
static int is_down(const struct pyw_refusal *refusal)
{
    const struct pyw_group *group = refusal->group;
    uint32_t failures = pyw_table_failures(group->table);
    int delay_ms = pyw_clock_backoff_ms(failures);

    if (pyw_table_may_say_failures(group->table)) {
        PYW_LOG(pyw_log_request, refusal->r, GROUP_DOWN, group->name, failures,
                delay_ms);
    }
    return unavailable(refusal, delay_ms);
}

int pyw_refusal_no_process(const struct pyw_refusal *refusal, int error, bool is_late)
{
    const struct pyw_group *group = refusal->group;

    if (error == -ETIMEDOUT && is_late) {
        PYW_LOG(pyw_log_request, refusal->r, QUEUE_FULL, group->name,
                (long long)group->setup.options.queue_timeout_s);
        pyw_timeout_page_set(refusal->r);
        return HTTP_GATEWAY_TIME_OUT;
    }
    if (error == -ECONNREFUSED) {
        return is_down(refusal);
    }
    if (error == -ETIMEDOUT) {
        PYW_LOG(pyw_log_request, refusal->r, GROUP_BUSY, group->name,
                (long long)group->setup.options.connect_timeout_s);
    } else {
        PYW_LOG(pyw_log_request, refusal->r, CONNECT_FAILED, group->name,
                strerror(-error));
    }
    return unavailable(refusal, RETRY_SOON_MS);
}
