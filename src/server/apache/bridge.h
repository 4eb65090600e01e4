/* bridge.h: embedded mode: loads pywsgi-embed.so into the Apache child when the first
 * request needs it (or a script that is imported at start), and implements the exchange
 * over Apache's filters.
 *
 * Apache children; any worker thread.
 */
#ifndef PYW_APACHE_BRIDGE_H
#define PYW_APACHE_BRIDGE_H

#include <httpd.h>

#include "apache/reply.h"
#include "base/head.h"

/* Serves a request in this process. @return what the handler returns to Apache. */
int pyw_bridge_run(request_rec *r, const struct pyw_request_head *head, bool has_body);

/* The same for a question of the server's own (apache/decide): the response, and how
 * it ended, goes to `capture`. */
void pyw_bridge_ask(request_rec *r, const struct pyw_request_head *head,
                    struct pyw_capture *capture);

/* child_init: remembers what a later start of the interpreter needs; starts it now
 * where scripts are to be imported at once or WSGIRestrictEmbedded says Off. */
void pyw_bridge_init_child(apr_pool_t *pchild, server_rec *s);

#endif
