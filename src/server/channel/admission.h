/* admission.h: how many requests of a group wait for a thread, over all Apache
 * children, and whether one more may (queue-size=).
 *
 * A request is in the queue from its arrival until its answer begins. Those of them
 * that a thread runs do not wait: each process that is ready serves as many as it has
 * threads, but for those whose answer has begun already; a process that drains serves
 * what it has. A request whose answer has left the process, and now goes to a slow
 * client, neither waits nor keeps a thread.
 *
 * Apache children, any worker thread; `in_flight` and `waiting` anybody.
 */
#ifndef PYW_CHANNEL_ADMISSION_H
#define PYW_CHANNEL_ADMISSION_H

#include "channel/cells.h"
#include "channel/table.h"

/* A child's place among those that count, at its start and end. @return 0; -ENOSPC:
 * none is left, and its requests are let in uncounted. */
int pyw_admission_take_seat(struct pyw_table *table, int32_t pid,
                            struct pyw_seat *seat);
void pyw_admission_give_seat(struct pyw_table *table, struct pyw_seat *seat);

/* A request arrives; no more than `most` may wait then, beside those that processes on
 * their way will serve; 0: no limit.
 * @return 0: it is in the queue; -EBUSY: it is refused. */
int pyw_admission_enter(struct pyw_table *table, const struct pyw_seat *seat,
                        uint64_t most);
/* Its answer begins, or it is over. */
void pyw_admission_leave(struct pyw_table *table, const struct pyw_seat *seat);

/* Requests that no process serves, and those together with what is served: what the
 * group is asked to do at this moment. Both forget children that have died. */
uint64_t pyw_admission_waiting(struct pyw_table *table);
uint64_t pyw_admission_in_flight(struct pyw_table *table);

#endif
