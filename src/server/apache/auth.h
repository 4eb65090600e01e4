/* auth.h: access, authentication and authorisation by scripts (compat 4.2-4.4): the
 * providers `wsgi` and `wsgi-group`, and WSGIAccessScript. Whatever goes wrong lets
 * nobody in.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_AUTH_H
#define PYW_APACHE_AUTH_H

#include <apr_pools.h>

void pyw_auth_register_hooks(apr_pool_t *pool);

#endif
