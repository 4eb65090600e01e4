/* groups.h: the process groups of a configuration, made ready for the supervisor:
 * identity, group table, sockets in a directory of their own, and the scripts to import
 * at start.
 *
 * Apache parent, post_config.
 */
#ifndef PYW_APACHE_GROUPS_H
#define PYW_APACHE_GROUPS_H

#include <httpd.h>
#include <apr_pools.h>

#include "supervisor/supervisor.h"

/* The beginning of the paths of all sockets: WSGISocketPrefix, or the default. */
const char *pyw_groups_socket_prefix(apr_pool_t *pool);

/* Fills in groups, their number and the socket directory of the plan, all in `pconf`
 * but for what pyw_group_close releases. @return NULL, or a sentence. */
const char *pyw_groups_prepare(apr_pool_t *pconf, server_rec *s, unsigned generation,
                               struct pyw_supervisor_plan *plan);

#endif
