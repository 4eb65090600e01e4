/* proxy.h: what a trusted proxy says of a request (compat 2.3): who the client is, and
 * under which host, port, scheme and mount point it sees the application.
 *
 * Directives: Apache parent, or a worker thread that reads an .htaccess file. Reading:
 * Apache worker threads; pool: the request's.
 */
#ifndef PYW_APACHE_PROXY_H
#define PYW_APACHE_PROXY_H

#include <httpd.h>

#include <http_config.h>

#include "apache/conf.h"

/* What one header speaks of; headers of one category are synonyms. */
enum pyw_proxy_category {
    PYW_PROXY_CLIENT,
    PYW_PROXY_HOST,
    PYW_PROXY_SERVER,
    PYW_PROXY_PORT,
    PYW_PROXY_SCRIPT_NAME,
    PYW_PROXY_SCHEME,
    PYW_PROXY_CATEGORIES
};

struct pyw_proxy_view {
    const char *values[PYW_PROXY_CATEGORIES]; /* NULL: nothing was said */
    const char *forwarded_for; /* HTTP_X_FORWARDED_FOR from now on; NULL: as it came */
    unsigned dropped;          /* a bit for each header that is withheld */
};

const char *pyw_proxy_set_header(cmd_parms *cmd, void *dir_conf, const char *name);
const char *pyw_proxy_set_trusted(cmd_parms *cmd, void *dir_conf, const char *address);

/* Reads the headers of the request as its directory's configuration wants it. */
void pyw_proxy_read(request_rec *r, struct pyw_proxy_view *view);

/* Whether this name of environ ("HTTP_X_REAL_IP") is to be left out. */
bool pyw_proxy_is_dropped(const struct pyw_proxy_view *view, const char *name);

#endif
