/* act.h: does what a command of the control socket says, and answers it.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_ACT_H
#define PYW_SUPERVISOR_ACT_H

#include "supervisor/control.h"

/* A pyw_control_serve; `realm` is a struct pyw_realm *. */
bool pyw_act_serve(void *realm, struct pyw_call *call);

#endif
