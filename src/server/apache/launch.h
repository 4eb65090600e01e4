/* launch.h: from WSGIDaemonProcess lines to running processes: prepares the groups in
 * the Apache parent, forks the supervisor, notices when it ends, and tells it when the
 * configuration or the server goes.
 */
#ifndef PYW_APACHE_LAUNCH_H
#define PYW_APACHE_LAUNCH_H

#include <apr_pools.h>

#include "apache/pool.h"
#include "supervisor/supervisor.h"

/* Child: the channels to a group, or NULL when there is no group of that name. */
struct pyw_pool *pyw_launch_pool(const char *group);
/* Parent and child: the groups of this configuration, and their supervisor. */
const struct pyw_supervisor_plan *pyw_launch_plan(void);

/* pre_config, post_config, child_init. */
void pyw_launch_register_hooks(apr_pool_t *pool);

#endif
