/* refusal.h: a request that no process of its group takes: the status, what the client
 * is told of trying again, and the lines in the log, which do not grow with the number
 * of such requests.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_REFUSAL_H
#define PYW_APACHE_REFUSAL_H

#include <httpd.h>

#include "supervisor/group.h"

struct pyw_refusal {
    request_rec *r;
    const struct pyw_group *group;
    bool is_question; /* by the server itself (apache/decide): its answer is not the
                         client's */
};

/* As many as may wait already (queue-size=). @return 503. */
int pyw_refusal_queue_full(const struct pyw_refusal *refusal);
/* Tells of those that were refused since the last line, where it is time. */
void pyw_refusal_catch_up(const struct pyw_refusal *refusal);

/* There was no process, for that reason of pyw_pool_acquire; `is_late`: queue-timeout=
 * is over. @return 503, 504. */
int pyw_refusal_no_process(const struct pyw_refusal *refusal, int error, bool is_late);

#endif
