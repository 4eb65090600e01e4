/* daemon_process.h: the WSGIDaemonProcess directive.
 *
 * Apache parent, while the configuration is read.
 */
#ifndef PYW_APACHE_DAEMON_PROCESS_H
#define PYW_APACHE_DAEMON_PROCESS_H

#include <httpd.h>

#include <http_config.h>

/* WSGIDaemonProcess NAME [option=value]... @return NULL, or the error sentence. */
const char *pyw_daemon_process_set(cmd_parms *cmd, void *dir_conf,
                                   const char *arguments);

/* Splits the next `name=value` off a line of conf words. @return NULL and the two texts
 * (NULL, NULL at the end of the line), or an error sentence; `what` names the
 * directive's subject. */
const char *pyw_daemon_process_next_option(cmd_parms *cmd, const char **line,
                                           const char *what, const char **name,
                                           const char **value);

#endif
