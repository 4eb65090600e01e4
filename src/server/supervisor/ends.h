/* ends.h: processes that were ready and end by themselves: those that do so right after
 * their start are backed off, and not told of one by one for ever.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_ENDS_H
#define PYW_SUPERVISOR_ENDS_H

#include "supervisor/crew.h"

/* Whether that process ends soon after its start. */
bool pyw_ends_are_quick(const struct pyw_crew *crew, const struct pyw_process *process);
/* A crash loop, of which enough has been said for now. */
bool pyw_ends_are_old_story(struct pyw_crew *crew, bool is_quick);
/* Another one: when the next start may be. */
void pyw_ends_note(struct pyw_crew *crew, bool is_quick);

#endif
