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

#include <stdint.h>
#include <sys/types.h>

#include "supervisor/group.h"

/* Exit status of a child that did not reach its exec. */
#define PYW_SPAWN_FAILED 99

struct pyw_spawned {
    pid_t pid;
    int log_fd;      /* read end: what the process writes to 1 and 2; non-blocking */
    int lifeline_fd; /* write end */
};

/* Starts the process of a slot; `notify_fd` is the write end of the notify pipe.
 * @return 0 or -errno; `step` then names what failed. */
int pyw_spawn_start(const struct pyw_group *group, uint32_t slot, uint32_t generation,
                    int notify_fd, struct pyw_spawned *spawned, const char **step);

#endif
