/* telemetry.h: WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions: to whom
 * each process that runs Python reports (python/reporter does).
 *
 * Parent, while it reads the configuration; afterwards read-only.
 */
#ifndef PYW_APACHE_TELEMETRY_H
#define PYW_APACHE_TELEMETRY_H

#include <httpd.h>
#include <http_config.h>

#include "base/setup.h"

const char *pyw_telemetry_set_service(cmd_parms *cmd, void *dir_conf,
                                      const char *arguments);
const char *pyw_telemetry_set_slow(cmd_parms *cmd, void *dir_conf, const char *value);
const char *pyw_telemetry_set_options(cmd_parms *cmd, void *dir_conf,
                                      const char *arguments);

void pyw_telemetry_fill_setup(struct pyw_setup *setup);
/* Once the configuration is read: says what of it has no effect. */
void pyw_telemetry_check(server_rec *s);

#endif
