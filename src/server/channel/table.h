/* table.h: the group table, one shared memory segment per process group: which of its
 * processes is ready, how busy each is, and how the last ones ended.
 *
 * Mapped by the Apache parent, which creates it, the supervisor, every Apache child,
 * and the group's own daemons; the latter run application code, so nobody believes a
 * value: every index is checked, no pointer is stored, and a wrong number costs a bad
 * choice of process at worst.
 *
 * Who writes what: `state`, `generation`, `pid`, the counts of failures and the list of
 * endings: the supervisor. `report`, `wish`, `capacity`, `active`, `answering`,
 * `served`, `broken`: the slot's daemon. A child counts what it has in flight at each
 * process in its own memory, and what waits in the whole group in a cell of its own
 * (channel/cells, channel/admission), so a killed child leaks nothing; and it may call
 * a group that sleeps.
 */
#ifndef PYW_CHANNEL_TABLE_H
#define PYW_CHANNEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/roster.h"

/* More slots than processes: a successor starts beside the process that it replaces. */
#define PYW_TABLE_SLOTS_MAX 2048
#define PYW_TABLE_ENDINGS 32

enum pyw_state {
    PYW_STATE_FREE = 0,     /* no process */
    PYW_STATE_STARTING = 1, /* exec'd, not ready: gets no request */
    PYW_STATE_READY = 2,    /* gets requests */
    PYW_STATE_DRAINING = 3, /* finishes what it has, gets no more */
    PYW_STATE_GONE = 4,     /* ended, waiting for its back-off */
    PYW_STATE_COUNT = 5
};

/* What a daemon says of itself. */
enum pyw_report {
    PYW_REPORT_NONE = 0,
    PYW_REPORT_READY = 1,
    PYW_REPORT_DRAINING = 2, /* it was told to, or cannot go on */
    PYW_REPORT_IDLE = 3      /* draining, and not to be replaced: inactivity-timeout */
};

/* What a daemon that goes on serving wants of the supervisor. */
enum pyw_wish {
    PYW_WISH_NONE = 0,
    PYW_WISH_REPLACE = 1,    /* a successor for this process */
    PYW_WISH_REPLACE_ALL = 2 /* for each process of the group: the script changed */
};

struct pyw_table; /* a mapping */
struct pyw_cells;
struct pyw_throttle;

/* A process to send a request to. */
struct pyw_choice {
    uint32_t slot;
    uint32_t generation; /* of the slot: a channel to another one is stale */
    int32_t pid;
};

/* How a process ended. */
struct pyw_ending {
    int32_t pid;
    int32_t status; /* as wait(2) gives it */
};

/* Creates a table of `slots`, and `cells` for as many children at a time; `fd` gets a
 * sealed memfd for the daemons. Parent. @return 0; -EINVAL: too many, or none; -errno.
 */
int pyw_table_create(uint32_t slots, uint32_t cells, struct pyw_table **table, int *fd);
/* Maps a table that a peer created, after checking its size and version. Daemon.
 * @return 0; -EPROTO: of another version of mod_pywsgi; -errno. */
int pyw_table_open(int fd, struct pyw_table **table);
void pyw_table_close(struct pyw_table *table); /* NULL is fine */
/* Parent, and the supervisor where it changes: how many processes the group is to have,
 * and of how many threads each. */
void pyw_table_set_size(struct pyw_table *table, uint32_t processes, uint32_t threads);
uint32_t pyw_table_slots(const struct pyw_table *table);
/* In the same memory, for as long as the mapping. */
struct pyw_roster *pyw_table_roster(struct pyw_table *table);

const char *pyw_table_state_name(unsigned state);

/* Supervisor. */
void pyw_table_set_state(struct pyw_table *table, uint32_t slot, enum pyw_state state);
void pyw_table_set_process(struct pyw_table *table, uint32_t slot, uint32_t generation,
                           int32_t pid);
void pyw_table_add_ending(struct pyw_table *table, struct pyw_ending ending);
/* Start-ups in a row that failed; 0 once a process got ready. */
void pyw_table_set_failures(struct pyw_table *table, uint32_t failures);
/* Supervisor of a newer configuration, or parent: the group is not needed by anybody
 * but the children of its own configuration. */
void pyw_table_supersede(struct pyw_table *table);
bool pyw_table_is_superseded(const struct pyw_table *table);
/* Asleep: it has no process on purpose, and the next request calls one
 * (pyw_table_call). A call is over once the group is said to be awake, or asleep again.
 */
void pyw_table_set_asleep(struct pyw_table *table, bool is_asleep);
bool pyw_table_is_called(const struct pyw_table *table);
/* Wakes everybody in pyw_table_wait. */
void pyw_table_wake(struct pyw_table *table);
/* What the slot's daemon of that generation last reported. */
enum pyw_report pyw_table_report_of(const struct pyw_table *table, uint32_t slot,
                                    uint32_t generation);
/* The largest wish of the slot's process. @return how often it has wished; 0: never. */
uint32_t pyw_table_wishes(const struct pyw_table *table, uint32_t slot,
                          enum pyw_wish *wish);

/* Daemon; any of its threads. */
void pyw_table_wish(struct pyw_table *table, uint32_t slot, enum pyw_wish wish);
void pyw_table_report(struct pyw_table *table, uint32_t slot, uint32_t generation,
                      enum pyw_report report);
void pyw_table_set_capacity(struct pyw_table *table, uint32_t slot, uint32_t threads);
/* How many of the scripts that it was to import at its start do not import. */
void pyw_table_set_broken(struct pyw_table *table, uint32_t slot, uint32_t scripts);
void pyw_table_begin_request(struct pyw_table *table, uint32_t slot);
void pyw_table_end_request(struct pyw_table *table, uint32_t slot);
/* Of the active ones: something of an answer leaves for the child, and the thread goes
 * on with it. Said before it leaves. */
void pyw_table_begin_answer(struct pyw_table *table, uint32_t slot);
void pyw_table_end_answer(struct pyw_table *table, uint32_t slot);

/* Anybody. */
enum pyw_state pyw_table_state(const struct pyw_table *table, uint32_t slot);
uint32_t pyw_table_generation(const struct pyw_table *table, uint32_t slot);
int32_t pyw_table_pid(const struct pyw_table *table, uint32_t slot);
uint32_t pyw_table_capacity(const struct pyw_table *table,
                            uint32_t slot); /* threads that take requests */
uint32_t pyw_table_broken(const struct pyw_table *table, uint32_t slot);
uint32_t pyw_table_active(const struct pyw_table *table, uint32_t slot);
uint32_t pyw_table_target(const struct pyw_table *table);  /* processes */
uint32_t pyw_table_threads(const struct pyw_table *table); /* of each */
uint32_t pyw_table_answering(const struct pyw_table *table, uint32_t slot);
uint64_t pyw_table_served(const struct pyw_table *table, uint32_t slot);
uint32_t pyw_table_failures(const struct pyw_table *table);
uint32_t pyw_table_count(const struct pyw_table *table, enum pyw_state state);

/* Child: the ready process with the least load, that is the larger of what it reports
 * and what this child has in flight there (`in_flight`, one number per slot); ties go
 * round from `turn`.
 * @return 0; -EAGAIN: none is ready. */
int pyw_table_choose(const struct pyw_table *table, const uint32_t *in_flight,
                     uint32_t turn, struct pyw_choice *choice);
/* Child: whether to tell of the start-ups that failed: once for each, over all
 * children.
 */
bool pyw_table_may_say_failures(struct pyw_table *table);
/* Child: a request wants a process of a group that sleeps. @return true: the first to
 * call, who wakes the supervisor. */
bool pyw_table_call(struct pyw_table *table);
bool pyw_table_is_asleep(const struct pyw_table *table);
/* For channel/admission. */
struct pyw_cells *pyw_table_cells(const struct pyw_table *table, uint32_t *count);
struct pyw_throttle *pyw_table_refused(const struct pyw_table *table);
/* Child: how a process ended. @return true when the supervisor has said. */
bool pyw_table_find_ending(const struct pyw_table *table, int32_t pid,
                           struct pyw_ending *ending);

/* Child: sleeps until something changed after `seen` was read, or the time is over. */
uint32_t pyw_table_seen(const struct pyw_table *table);
void pyw_table_wait(const struct pyw_table *table, uint32_t seen, int milliseconds);

#endif
