/* crew_group.h: one group at work, for the tests of its crew. Its processes sleep; what
 * they would report and wish, the test does.
 */
#ifndef PYW_UNIT_CREW_GROUP_H
#define PYW_UNIT_CREW_GROUP_H

#include "supervisor/crew.h"

extern char program[]; /* path of what the processes run */
extern struct pyw_group group;
extern struct pyw_crew crew;
extern unsigned complaints; /* lines of PYW0023 */
extern unsigned signals;    /* lines of PYW0002 */

void begin(uint32_t processes, int64_t max_unavailable);
/* Likewise with threads=0. */
void begin_programs(uint32_t processes);
/* Another crew of the same group. */
void begin_another(struct pyw_crew *another);
void finish(void);
/* The program, where it was removed. */
void write_again(void);

struct pyw_process *at(uint32_t slot);
/* A process in that state; there is one, or the test fails. */
struct pyw_process *find(enum pyw_state state);
uint32_t in_state(enum pyw_state state);

/* One round of the supervisor. */
void tend(void);
void report(struct pyw_process *process, enum pyw_report said);
void wish(struct pyw_process *process, enum pyw_wish wanted);
/* The group is up. */
void fill(void);
/* It ends by that signal, and the crew is told. */
void end_by(struct pyw_process *process, int number);
/* There is something to do at a time, and it comes. */
void wait_due(void);
/* Nothing but an event changes anything: no deadline that has passed, at which the loop
 * would go round and round. */
void assert_at_rest(void);

#endif
