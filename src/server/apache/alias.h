/* alias.h: WSGIScriptAlias and WSGIScriptAliasMatch: which URL goes to which script.
 *
 * Directives: Apache parent. Translation: any Apache worker thread.
 */
#ifndef PYW_APACHE_ALIAS_H
#define PYW_APACHE_ALIAS_H

#include <httpd.h>

#include <http_config.h>

#include "apache/conf.h"

#define PYW_ALIAS_HANDLER "wsgi-script"

const char *pyw_alias_set(cmd_parms *cmd, void *dir_conf, const char *arguments);
const char *pyw_alias_set_match(cmd_parms *cmd, void *dir_conf, const char *arguments);

/* Whether a handler of this name serves the resource as a script. */
bool pyw_alias_is_handler(const char *name);

/* The alias that translated this request, or the sub-request that it goes on as; or
 * NULL. */
const struct pyw_alias *pyw_alias_of(const request_rec *r);

/* Whether its script can be known and run before a request has come, in that group
 * (NULL: embedded mode). */
bool pyw_alias_may_preload(apr_pool_t *pool, const struct pyw_alias *alias,
                           const struct pyw_group_conf *group);

/* Sets r->path_info to what the translation knows; a sub-request has it otherwise only
 * from fixups on. */
void pyw_alias_set_path_info(request_rec *r);

/* translate_name. */
void pyw_alias_register_hooks(apr_pool_t *pool);

#endif
