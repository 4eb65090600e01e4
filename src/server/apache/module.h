/* module.h: which of the two module records was loaded. The .so has two, `wsgi_module`
 * (so that existing files and their <IfModule> lines hold) and `pywsgi_module`;
 * LoadModule picks one, and everything that Apache keeps by module, configuration and
 * log level, goes by that one.
 */
#ifndef PYW_APACHE_MODULE_H
#define PYW_APACHE_MODULE_H

#include <httpd.h>

#include <http_config.h>

/* Set once, while the module is loaded (parent, single-threaded). */
extern module *pyw_module;

#define PYW_MODULE_INDEX (pyw_module->module_index)

#endif
