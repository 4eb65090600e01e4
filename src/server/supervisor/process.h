/* process.h: one slot of a process group as the supervisor sees it: the process in it,
 * its state, its log, and the rules by which the state changes.
 *
 *     free --spawn--> starting --ready--> ready --drain--> draining --ended--> gone
 * --spawn--> ...
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_PROCESS_H
#define PYW_SUPERVISOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel/table.h"
#include "supervisor/group.h"
#include "supervisor/logpipe.h"

/* Writes to the server's log; apache/launch implements it with ap_log_error. */
typedef void pyw_supervisor_log(void *log_context, enum pyw_level level,
                                const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct pyw_process {
    const struct pyw_group *group;
    pyw_supervisor_log *log;
    uint32_t slot;
    uint32_t generation;
    enum pyw_state state;
    pid_t pid;       /* 0: none, or not known so far */
    bool is_awaited; /* ordered of a zygote: it has to introduce itself */
    int lifeline_fd; /* our end; -1: none */
    int turn_fd;     /* for a program: what it holds on to (supervisor/turn); the crew's
                      */
    struct pyw_logpipe output;
    int64_t spawned_ms;
    bool is_successor;  /* started beside processes that serve: has to load what they
                           have */
    bool is_due;        /* to be replaced: drains once a successor is ready */
    uint32_t wishes;    /* of its own for that, heeded so far */
    int64_t cpu_ns;     /* processor time at the last look; 0: none yet */
    int64_t kill_at_ms; /* when it is killed if it has not ended; PYW_CLOCK_NEVER */
    int64_t
        refuse_at_ms; /* who connects to an empty slot is refused; PYW_CLOCK_NEVER */
    bool is_killed;   /* by us, when its time was over */
    bool is_told;     /* to end: its ending is no news */
};

void pyw_process_init(struct pyw_process *process, const struct pyw_group *group,
                      pyw_supervisor_log *log, uint32_t slot);

bool pyw_process_is_empty(const struct pyw_process *process);
/* Counts towards the number of processes that the group is to have. */
bool pyw_process_is_wanted(const struct pyw_process *process);

/* Starts a process in an empty slot; a successor has to load its scripts. @return 0 or
 * -errno, with `step` naming what failed. */
int pyw_process_spawn(struct pyw_process *process, int notify_fd, bool is_successor,
                      const char **step);

/* The same by order to a zygote. It is in its slot from now on, though not known. */
int pyw_process_order(struct pyw_process *process, int zygote_fd, bool is_successor,
                      const char **step);
/* Looks whether a process that is awaited has introduced itself. @return false: it will
 * not any more (logged): the slot is empty, the caller closes its output. */
bool pyw_process_meet(struct pyw_process *process);
/* Whoever it was that introduced himself is none for this slot (logged): likewise. */
void pyw_process_disown(struct pyw_process *process);

/* Takes over what the process reported in the group table. @return what is new; NONE:
 * nothing. */
enum pyw_report pyw_process_follow_report(struct pyw_process *process);

/* Has a ready process finish what it runs and end. */
void pyw_process_drain(struct pyw_process *process);
/* Lets it end now; killed after `grace_ms`. */
void pyw_process_stop(struct pyw_process *process, int64_t grace_ms);
/* Kills it if its time is over; refuses who connected to an empty slot. */
void pyw_process_enforce(struct pyw_process *process, int64_t now_ms);

/* The process has ended with that wait status: records it, says so (quietly where it
 * `is_known` that the group's processes end like that), empties the slot. @return true
 * when it never got ready. */
bool pyw_process_reap(struct pyw_process *process, int status, bool is_known);

#define PYW_PROCESS_SIGNAL_NAME 32
/* "SIGSEGV", or a number where the system has no name; in `buffer`. */
const char *pyw_process_signal_name(int number, char buffer[PYW_PROCESS_SIGNAL_NAME]);

/* "SIGSEGV", or "status 1", for a wait status. */
const char *pyw_process_describe_end(int status, char text[PYW_PROCESS_SIGNAL_NAME]);

#endif
