/* handler.h: scripts that are not the resource themselves: WSGIHandlerScript, which
 * makes a script the handler of whatever AddHandler, SetHandler or a RewriteRule name
 * it for (compat 4.5), and WSGIImportScript, which has one imported at start.
 *
 * Directives: Apache parent. Look-up: Apache worker threads.
 */
#ifndef PYW_APACHE_HANDLER_H
#define PYW_APACHE_HANDLER_H

#include <httpd.h>

#include <http_config.h>

#include "apache/conf.h"

const char *pyw_handler_set(cmd_parms *cmd, void *dir_conf, const char *arguments);
const char *pyw_handler_set_import(cmd_parms *cmd, void *dir_conf,
                                   const char *arguments);

/* The handler script that this request is for, or NULL. */
const struct pyw_handler *pyw_handler_of(const request_rec *r);

#endif
