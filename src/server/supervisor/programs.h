/* programs.h: the crew of a group with threads=0: its processes are programs, of which
 * no more may run than there are to be. One that is due ends first, then another
 * starts, and none starts before those of an earlier generation have gone.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_PROGRAMS_H
#define PYW_SUPERVISOR_PROGRAMS_H

#include <stdint.h>

struct pyw_crew;

/* Ends and starts what has to be ended and started by now. */
void pyw_programs_tend(struct pyw_crew *crew);
/* When there is something to start without an event (clock.h). */
int64_t pyw_programs_deadline_ms(const struct pyw_crew *crew);

/* A newer configuration is in force: its programs end, so that those of the new one can
 * run. Does nothing to a group that serves requests, which goes on as before. */
void pyw_programs_retire(struct pyw_crew *crew);

#endif
