/* preload.h: what groups with preload=On or warmup= have to know of their scripts
 * before a request comes: those of aliases whose process group is set by a directive,
 * too.
 *
 * Apache parent, post_config.
 */
#ifndef PYW_APACHE_PRELOAD_H
#define PYW_APACHE_PRELOAD_H

#include <httpd.h>

/* Adds the scripts of aliases to the imports of their groups, where the configuration
 * outside of sections says which group that is; a group that has nothing to share is
 * named in the log. */
void pyw_preload_complete(apr_pool_t *temp_pool, server_rec *main_server);

#endif
