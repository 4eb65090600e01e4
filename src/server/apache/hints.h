/* hints.h: 103 Early Hints (RFC 8297), which an application sends before its response.
 *
 * Apache worker threads; part of reply.
 */
#ifndef PYW_APACHE_HINTS_H
#define PYW_APACHE_HINTS_H

#include <httpd.h>

#include <stdbool.h>

/* Whether the client is to see any: WSGIEarlyHints, and where that says nothing,
 * over HTTP/2 alone, where mod_http2 has a switch of its own (H2EarlyHints). Clients of
 * HTTP/1.1 may take them for the response. */
bool pyw_hints_are_wanted(const request_rec *r);

/* Sends them with these headers, which are fit to go out. The response has not begun.
 */
void pyw_hints_send(request_rec *r, apr_table_t *headers);

#endif
