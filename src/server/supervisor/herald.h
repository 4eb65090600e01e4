/* herald.h: what the supervisor tells a service manager, and when: that the server is
 * ready once each process group has had a ready process or failed to start one; how
 * many there are, whenever that changes; and a sign of life for its watchdog.
 *
 * Supervisor process, its only thread. The supervisor of an earlier configuration, and
 * one that stops, tells nothing.
 */
#ifndef PYW_SUPERVISOR_HERALD_H
#define PYW_SUPERVISOR_HERALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/crew.h"
#include "supervisor/systemd.h"

#define PYW_HERALD_STATUS_MAX 1024

struct pyw_herald {
    const struct pyw_systemd *manager; /* NULL: nobody is told */
    pyw_supervisor_log *log;
    bool is_ready_said;
    bool is_failure_known;
    int64_t beat_ms;                    /* the next sign of life */
    int64_t again_ms;                   /* the next try to say what could not be said */
    char status[PYW_HERALD_STATUS_MAX]; /* as told last */
};

void pyw_herald_init(struct pyw_herald *herald, const struct pyw_systemd *manager,
                     pyw_supervisor_log *log);

/* Says what is to be said by now. Called in each round of the supervisor's loop. */
void pyw_herald_tell(struct pyw_herald *herald, const struct pyw_crew *crews,
                     size_t count);
/* When it is to be called without an event (clock.h). */
int64_t pyw_herald_deadline_ms(const struct pyw_herald *herald);

#endif
