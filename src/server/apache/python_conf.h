/* python_conf.h: how Python is to run: the directives of the Python runtime, the
 * section <WSGIInterpreterOptions>, and what of them is for a process group.
 *
 * Apache parent, while the configuration is read and in post_config; for embedded mode
 * also child_init.
 */
#ifndef PYW_APACHE_PYTHON_CONF_H
#define PYW_APACHE_PYTHON_CONF_H

#include <httpd.h>
#include <http_config.h>

#include "base/setup.h"

/* Setters of the table of directives. */
const char *pyw_python_conf_set(cmd_parms *cmd, void *dir_conf, const char *value);
const char *pyw_python_conf_section(cmd_parms *cmd, void *dir_conf,
                                    const char *arguments);

/* Says in the log what of it will have no effect. */
void pyw_python_conf_check(server_rec *s);

/* Fills in what is for the group that the setup is of; its options are set already. */
void pyw_python_conf_fill(struct pyw_setup *setup);

#endif
