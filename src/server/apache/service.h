/* service.h: what the Apache parent tells a service manager: which configuration goes
 * and which comes, and, where there are no process groups and so no supervisor to say
 * it (supervisor/herald), that the server is ready and alive.
 *
 * Nothing where mod_systemd is loaded, which does that itself.
 */
#ifndef PYW_APACHE_SERVICE_H
#define PYW_APACHE_SERVICE_H

#include <httpd.h>
#include <apr_pools.h>
#include <stdbool.h>

#include "supervisor/systemd.h"

/* post_config: who is to be told; what is not usable is logged. @return as
 * pyw_systemd_is_there says: maybe nobody. Lives as long as the configuration. */
const struct pyw_systemd *pyw_service_find(server_rec *s);

/* post_config: there is no supervisor; `status` is for people. The port is listened on,
 * children follow. */
void pyw_service_say_ready(const char *status);

/* The configuration goes: for another one, or for good. */
void pyw_service_leave(bool is_restart);

/* monitor. */
void pyw_service_register_hooks(apr_pool_t *pool);

#endif
