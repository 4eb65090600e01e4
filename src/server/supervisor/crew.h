/* crew.h: one process group at work: how many processes it is to have, which are to be
 * replaced, and when a start is tried again.
 *
 * One mechanism replaces a process, whatever the reason: it is marked as due; a
 * successor starts beside it, has to load its scripts, and once it is ready one due
 * process drains. A successor that fails changes nothing for those that serve, and is
 * tried again, less and less often. The same rule shrinks a group: more ready processes
 * than it is to have, and one drains.
 *
 * Where threads=0, processes are programs, of which no more may run than there are to
 * be: one that is due ends first, and then another starts. One that ends by itself is
 * started again: at once if it has run for a while, else less and less often.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_CREW_H
#define PYW_SUPERVISOR_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/echo.h"
#include "supervisor/group.h"
#include "supervisor/process.h"
#include "supervisor/size.h"
#include "supervisor/tail.h"
#include "supervisor/zygote.h"

/* How the last replacement of all processes went, or goes. */
enum pyw_roll_state {
    PYW_ROLL_NONE = 0,
    PYW_ROLL_ON = 1,
    PYW_ROLL_DONE = 2,
    PYW_ROLL_FAILED = 3 /* a successor did not get ready; it is tried again */
};

struct pyw_roll {
    enum pyw_roll_state state;
    uint32_t replaced; /* processes */
    int64_t begun_ms;
    int64_t ended_ms;
};

/* An end of a process that is kept for whoever asks; pid 0: none so far. */
struct pyw_kept_ending {
    struct pyw_ending ending;
    int64_t at_ms;
};

struct pyw_crew {
    const struct pyw_group *group;
    pyw_supervisor_log *log;
    int notify_fd;                 /* of the supervisor, for its processes */
    struct pyw_process *processes; /* one per slot; owned */
    uint32_t target;               /* processes that it is to have; 0: it sleeps */
    bool is_dismissed;             /* target is 0 for good */
    struct pyw_size size;          /* how far that adapts to the load */
    int64_t sample_at_ms;          /* the next look at the load */
    int64_t sampled_ms;            /* the last; 0: none yet */
    unsigned failures;             /* starts in a row that came to nothing */
    unsigned quick_ends;           /* processes in a row that ended right after */
    int64_t quick_said_ms;         /* the last that was told of loudly */
    int64_t retry_at_ms;           /* no start before */
    unsigned replace_failures;     /* successors in a row that came to nothing */
    int64_t replace_at_ms;         /* no successor before */
    int64_t counted_ms;            /* when one of either was counted last */
    struct pyw_roll roll;
    struct pyw_echo said;          /* by starts that failed */
    struct pyw_tail starting_tail; /* said by a process that starts */
    struct pyw_kept_ending failed; /* the last that ended before it was ready ... */
    struct pyw_tail failed_tail;   /* ... and what it had said */
    struct pyw_kept_ending last;   /* the last that ended unasked, ready */
    struct pyw_zygotes zygotes;    /* with preload=On: they fork its processes */
    struct {                       /* of a group with threads=0 */
        int turn_fd;     /* holds its turn (supervisor/turn); -1: it has none */
        bool is_retired; /* what a newer configuration says is run instead */
    } program;
};

/* @return 0 or -ENOMEM. */
int pyw_crew_init(struct pyw_crew *crew, const struct pyw_group *group,
                  pyw_supervisor_log *log, int notify_fd);
void pyw_crew_free(struct pyw_crew *crew);

/* Takes over what its processes reported and wished. */
void pyw_crew_follow(struct pyw_crew *crew);
/* Starts and drains what has to be started and drained by now. */
void pyw_crew_tend(struct pyw_crew *crew);
/* When there is something to do without an event (clock.h). */
int64_t pyw_crew_deadline_ms(const struct pyw_crew *crew);
/* One of its processes has ended with that wait status. */
void pyw_crew_reap(struct pyw_crew *crew, struct pyw_process *process, int status);
/* None is needed any more: those that serve drain, and no other is started. */
void pyw_crew_dismiss(struct pyw_crew *crew);
/* Ends all, each killed after `grace_ms`. Nothing is started after that, as the caller
 * does not tend any more. */
void pyw_crew_stop(struct pyw_crew *crew, int64_t grace_ms);

/* Sets the limits of its size. @return 0; -ERANGE: 0 < least <= most <= processes= does
 * not hold. */
int pyw_crew_scale(struct pyw_crew *crew, uint32_t least, uint32_t most);

/* What a process gets to end in good order, before it is killed. */
int64_t pyw_crew_grace_ms(const struct pyw_crew *crew);

/* Ends each process that it has now and starts others at once, ready or not; `roll`
 * says how many. */
void pyw_crew_restart(struct pyw_crew *crew);

/* Replaces each process that it has now, at most max-unavailable= at a time; `roll`
 * says how it goes. */
void pyw_crew_roll(struct pyw_crew *crew);

/* For supervisor/nursery. Those that serve while a successor starts, of this
 * configuration or of the one before. */
uint32_t pyw_crew_count_predecessors(const struct pyw_crew *crew);
/* A process, or a zygote, has ended before it was ready: for those who ask why. */
void pyw_crew_keep_failure(struct pyw_crew *crew, pid_t pid, int status);
/* A start of that time came to nothing: one that would replace others, or any. Of
 * several that were tried together one counts. */
void pyw_crew_note_failed_start(struct pyw_crew *crew, int64_t started_ms,
                                bool is_successor);
/* A start could not even be tried; says so. */
void pyw_crew_note_unspawned(struct pyw_crew *crew, uint32_t slot, const char *step,
                             int rv);

/* The parts of which supervisor/programs makes another whole. */

/* Starts a process. @return false: not now. */
bool pyw_crew_start_one(struct pyw_crew *crew, bool is_successor);
/* Drains those that are ready and more than the group is to have. */
void pyw_crew_thin_out(struct pyw_crew *crew);
/* How many may be replaced at a time. */
uint32_t pyw_crew_most_at_once(const struct pyw_crew *crew);
/* Ends the roll if no process is left that was there when it began. */
void pyw_crew_end_roll(struct pyw_crew *crew);

#endif
