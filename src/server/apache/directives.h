/* directives.h: the table of configuration directives.
 *
 * Apache parent, while the configuration is read (and any worker thread, for .htaccess
 * files).
 */
#ifndef PYW_APACHE_DIRECTIVES_H
#define PYW_APACHE_DIRECTIVES_H

#include <httpd.h>

#include <http_config.h>

extern const command_rec pyw_directives[];

#endif
