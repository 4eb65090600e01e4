/* ssl_vars.h: variables of mod_ssl for scripts that decide, which ask for them by
 * `mod_ssl.var_lookup`. A script may run in another process: all of a fixed list are
 * fetched beforehand (docs/access.md).
 *
 * Apache worker threads. Pool: the request's.
 */
#ifndef PYW_APACHE_SSL_VARS_H
#define PYW_APACHE_SSL_VARS_H

#include <httpd.h>
#include <apr_tables.h>

/* Once, when all modules have been loaded. */
void pyw_ssl_vars_find(void);

/* Adds a struct pyw_pair for each variable that has a value, HTTPS first. Where the
 * connection is not https that is the only one; none where Apache has no mod_ssl. */
void pyw_ssl_vars_add(request_rec *r, apr_array_header_t *pairs);

#endif
