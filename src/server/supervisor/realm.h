/* realm.h: all that a supervisor looks after, for those parts of it that answer
 * questions about the whole.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_REALM_H
#define PYW_SUPERVISOR_REALM_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/crew.h"
#include "supervisor/supervisor.h"

/* Retiring: a newer configuration is in force, and all goes on as before until the
 * children that were forked with this one have gone. */
enum pyw_course { PYW_COURSE_RUN, PYW_COURSE_RETIRE, PYW_COURSE_STOP };

struct pyw_realm {
    const struct pyw_supervisor_plan *plan;
    struct pyw_crew *crews; /* plan->group_count */
    enum pyw_course course;
    int64_t started_ms; /* clock.h */
};

/* The crew of that name; NULL: there is none. */
struct pyw_crew *pyw_realm_find(const struct pyw_realm *realm, const char *group);

/* Whether who has just introduced himself has a place already: a zygote may speak, or a
 * process that serves. In two places he would be reaped in one, and what has his number
 * later would be killed for him in the other. */
bool pyw_realm_has_another(const struct pyw_realm *realm,
                           const struct pyw_process *met);

#endif
