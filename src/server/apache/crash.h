/* crash.h: what became of a process that closed its channel in the middle of a request,
 * said in the log of that request.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_CRASH_H
#define PYW_APACHE_CRASH_H

#include <httpd.h>

#include "supervisor/group.h"

/* Waits up to a second for the supervisor to learn how the process ended, and logs it.
 */
void pyw_crash_report(request_rec *r, const struct pyw_group *group,
                      const struct pyw_choice *process);

#endif
