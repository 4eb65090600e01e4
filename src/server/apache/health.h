/* health.h: two handlers that answer without Python and without asking a process:
 * `SetHandler pywsgi-health` says whether the server works, `SetHandler pywsgi-ready`
 * whether it serves what its process groups are for. Probes of load balancers and
 * container platforms ask there.
 *
 * Whatever an alias makes of the URL, SetHandler has the last word.
 *
 * Apache children, any thread. Reads the group tables and the supervisor's signs of
 * life.
 */
#ifndef PYW_APACHE_HEALTH_H
#define PYW_APACHE_HEALTH_H

#include <apr_pools.h>
#include <stdbool.h>

/* Whether SetHandler means one of the two by that name. */
bool pyw_health_is_handler(const char *name);
void pyw_health_register_hooks(apr_pool_t *pool);

#endif
