/* kept.h: connections of clients that wait for their next request, where the MPM is
 * event and Apache 2.4.63 or later.
 *
 * By itself event closes, as soon as all threads of a child are busy, whatever idle
 * connections that child has, and any on which the next request has just come: the
 * client has sent a request and sees the connection end. A connection that was answered
 * by an application waits as one for input instead, of which event keeps the request
 * until a thread is free. KeepAliveTimeout holds as before; it is looked after here.
 *
 * Apache children. A kept connection belongs to the thread that processes it, until
 * `pyw_kept_wait`. One lock, under which nothing of Apache's is called.
 */
#ifndef PYW_APACHE_KEPT_H
#define PYW_APACHE_KEPT_H

#include <httpd.h>
#include <stdint.h>

struct pyw_kept;

/* Of the server that answered last, as event has them; milliseconds. */
struct pyw_kept_limits {
    int64_t keep_alive_ms; /* KeepAliveTimeout */
    int64_t timeout_ms;    /* Timeout, the shortest that may hold for the connection */
};

/* The connection, whose answer has gone out, is to wait, from when the hooks that
 * process it are through. `*kept` is NULL at the first time, then the connection's. */
void pyw_kept_wait(conn_rec *c, const struct pyw_kept_limits *limits,
                   struct pyw_kept **kept);
/* A thread processes it again. NULL: it has not waited. */
void pyw_kept_resume(struct pyw_kept *kept);

void pyw_kept_register_hooks(apr_pool_t *pool);

#endif
