/* limits.h: after how many requests, at which age and with how much memory this process
 * is replaced: the options of its group, and for the first two a random share more, so
 * that processes that started together are not replaced together.
 *
 * Drawn once, at the start of the process; then constant.
 */
#ifndef PYW_HOST_LIMITS_H
#define PYW_HOST_LIMITS_H

#include <stdint.h>

#include "base/options.h"

struct pyw_limits {
    int64_t requests;    /* 0: none, as with the next ones */
    int64_t interval_ms; /* from the start of the process */
    int64_t rss_bytes;
};

void pyw_limits_draw(struct pyw_limits *limits, const struct pyw_options *options);

/* Says in the process log, for who looks closely, what was drawn. */
void pyw_limits_log(const struct pyw_limits *limits, const char *group);

#endif
