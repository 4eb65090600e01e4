/* spawn.h: starts one daemon process: a fork, a fixed list of named steps in the child,
 * an exec.
 *
 * The program is looked up and executed only after the process has become the
 * application's user: root never runs what a tenant can write. A step that fails writes
 * one sentence to the log and ends the child with PYW_SPAWN_FAILED.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_SPAWN_H
#define PYW_SUPERVISOR_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/group.h"

/* Exit status of a child that did not reach its exec. */
#define PYW_SPAWN_FAILED 99

struct pyw_spawned {
    pid_t pid;       /* 0: it will introduce itself (channel/order) */
    int log_fd;      /* read end: what the process writes to 1 and 2; non-blocking */
    int lifeline_fd; /* our end (channel/lifeline) */
};

/* What one process is started with, beside what all of its group have. */
struct pyw_spawn_plan {
    uint32_t slot;
    uint32_t generation;
    bool must_load; /* base/setup */
    int notify_fd;  /* write end of the notify pipe */
    bool is_zygote; /* base/setup; it has no slot */
    int turn_fd;    /* what it gets in place of a listener where it serves nothing */
};

/* Starts a process. @return 0 or -errno; `step` then names what failed. */
int pyw_spawn_start(const struct pyw_group *group, const struct pyw_spawn_plan *plan,
                    struct pyw_spawned *spawned, const char **step);

/* Has a zygote start it, by its lifeline: identity, limits and environment are the
 * zygote's. @return as above. */
int pyw_spawn_order(const struct pyw_group *group, const struct pyw_spawn_plan *plan,
                    int zygote_fd, struct pyw_spawned *spawned, const char **step);

#endif
