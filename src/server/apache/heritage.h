/* heritage.h: what one configuration leaves to the next over a graceful restart: its
 * process groups, which serve until those of the same name are ready.
 *
 * Apache parent. Kept in plain memory of the process, as the module itself is loaded
 * anew in between.
 */
#ifndef PYW_APACHE_HERITAGE_H
#define PYW_APACHE_HERITAGE_H

#include <apr_pools.h>

#include "supervisor/supervisor.h"

/* The configuration goes and the server goes on: keeps what serves of each group.
 * `heirs_fd`: write end of the pipe that the plan's supervisor reads; copied. `plog`,
 * Apache's log pool, is cleared when the next configuration has been read: without this
 * module nobody has claimed the copies then, and the supervisor ends. */
void pyw_heritage_leave(const struct pyw_supervisor_plan *plan, int heirs_fd,
                        apr_pool_t *plog);

/* The next configuration is being read and has this module: keeps the pipes open. */
void pyw_heritage_claim(void);

/* The group of that name and identity of the configuration before; NULL: none, or none
 * that serves. In `pool`, but for what pyw_group_close releases. */
struct pyw_group *pyw_heritage_take(apr_pool_t *pool, const struct pyw_group *group);

/* All groups have taken theirs: whatever is left has no successor, and may end. */
void pyw_heritage_settle(void);

#endif
