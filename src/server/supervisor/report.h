/* report.h: what the supervisor knows, as JSON for the control socket
 * (docs/control.md).
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_REPORT_H
#define PYW_SUPERVISOR_REPORT_H

#include "base/json.h"
#include "supervisor/realm.h"

/* The members of the answer to `status`, into an object that is open. */
void pyw_report_status(struct pyw_json *json, const struct pyw_realm *realm);

/* How a process ended: "signal", its name, or "status", a number. */
void pyw_report_ending(struct pyw_json *json, int32_t wait_status);
/* An array of the lines. */
void pyw_report_tail(struct pyw_json *json, const char *key,
                     const struct pyw_tail *tail);

#endif
