/* relay.h: daemon mode: carries one request to a process of the group and its response
 * back, both ways at once, in one loop on the Apache worker thread.
 *
 * Whatever the daemon sends is hostile input. Nothing is lost by a REFUSE: what was
 * sent is kept until the first frame of an answer, and goes to another process.
 */
#ifndef PYW_APACHE_RELAY_H
#define PYW_APACHE_RELAY_H

#include <httpd.h>

#include "apache/pool.h"
#include "apache/reply.h"
#include "base/head.h"

/* Apache worker threads. `head` has everything but `queued_us` and
 * `arrival_clock_us`.
 * @return what the handler returns to Apache. */
int pyw_relay_run(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
                  bool has_body);

/* The same for a question of the server's own (apache/decide): the response, and how
 * it ended, goes to `capture`. */
void pyw_relay_ask(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
                   struct pyw_capture *capture);

#endif
