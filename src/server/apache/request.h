/* request.h: the content handler: the steps of a request, in order, and the one place
 * where failures become HTTP statuses.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_REQUEST_H
#define PYW_APACHE_REQUEST_H

#include <apr_pools.h>

void pyw_request_register_hooks(apr_pool_t *pool);

#endif
