/* linger.h: a connection that is kept alive stays for a moment on the thread that
 * served it (WSGIKeepAliveLinger).
 *
 * The event MPM gives such a connection back to its listener thread, which waits for
 * the next request and wakes a worker for it: two hand-overs a request. A client that
 * asks again at once, as proxies, page loads and API clients do, is served without
 * them.
 *
 * It costs others little: a thread waits only while at least half of the threads of
 * its process are free and few others do so (for each processor), for some
 * milliseconds, for a bounded number of requests in a row, and not in a process that is
 * to end. The MPM sees what it always sees, a
 * connection whose response is complete, only later. Connections on which no
 * application was asked, and those of HTTP/2, are left alone; so are MPMs that keep a
 * connection on its thread anyway.
 *
 * Thread: Apache workers, each for the connection that it processes.
 */
#ifndef PYW_APACHE_LINGER_H
#define PYW_APACHE_LINGER_H

#include <httpd.h>

/* The largest WSGIKeepAliveLinger, milliseconds. */
#define PYW_LINGER_MAX_MS 1000
/* Where the directive is not given. */
#define PYW_LINGER_DEFAULT_MS 2

void pyw_linger_register_hooks(apr_pool_t *pool);

/* A handler is about to serve the request: what follows on its connection may stay. */
void pyw_linger_note_request(const request_rec *r);

#endif
