/* cgi_env.h: the environ of a request as name/value pairs: CGI variables, the client's
 * headers, what SetEnv and other modules put into the environment, and our own
 * mod_wsgi.* names (compat 2.2).
 *
 * Names that Apache computes can be faked neither by SetEnv nor by a header. Apache
 * worker threads; pool: the request's.
 */
#ifndef PYW_APACHE_CGI_ENV_H
#define PYW_APACHE_CGI_ENV_H

#include <httpd.h>
#include <apr_tables.h>

#include "apache/target.h"
#include "base/head.h"

/* @return 0; -E2BIG: more pairs than the protocol takes. */
int pyw_cgi_env_build(request_rec *r, const struct pyw_target *target,
                      struct pyw_request_head *head);

/* The smaller environ of a script that decides (compat 4.1), and `more` behind it. One
 * that dispatches has what SetEnv and other modules made, and our own names, but for
 * the route. @return as above. */
int pyw_cgi_env_build_reduced(request_rec *r, const struct pyw_target *target,
                              enum pyw_role role, const apr_array_header_t *more,
                              struct pyw_request_head *head);

#endif
