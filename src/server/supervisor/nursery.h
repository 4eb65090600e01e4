/* nursery.h: how a crew comes by its processes: each is started by itself or, with
 * preload=On, forked by a zygote, of which there has to be one.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_NURSERY_H
#define PYW_SUPERVISOR_NURSERY_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/crew.h"

/* False while no zygote is ready; for a successor, one that has read the scripts as
 * they are now. */
bool pyw_nursery_may_start(const struct pyw_crew *crew, bool is_successor);
/* Starts a process in an empty slot. @return 0; -EPIPE: the zygote is gone; -errno with
 * `step` set. */
int pyw_nursery_start(struct pyw_crew *crew, struct pyw_process *process,
                      bool is_successor, const char **step);

/* Starts a zygote where one is missing, and ends those of a group that is to have no
 * process. */
void pyw_nursery_tend(struct pyw_crew *crew);
/* When there is something to do without an event (clock.h). */
int64_t pyw_nursery_deadline_ms(const struct pyw_crew *crew);
/* A zygote has ended with that wait status. */
void pyw_nursery_reap(struct pyw_crew *crew, struct pyw_zygote *zygote, int status);

#endif
