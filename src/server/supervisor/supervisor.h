/* supervisor.h: the process that starts, watches and ends the daemon processes of one
 * generation of the server's configuration. Forked by the Apache parent; no Python and
 * no application code runs in it.
 *
 * It parses nothing that an application process writes but the plain numbers of the
 * group table and the lines of its log.
 */
#ifndef PYW_SUPERVISOR_SUPERVISOR_H
#define PYW_SUPERVISOR_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel/socket.h"
#include "supervisor/group.h"
#include "supervisor/process.h"
#include "supervisor/systemd.h"

struct pyw_vitals;

struct pyw_supervisor_plan {
    struct pyw_group **groups;
    size_t group_count;
    pid_t parent;    /* the Apache parent: everything ends when it does */
    int lifeline_fd; /* read end of a pipe to the parent: 'G' = retire, end of file =
                        end */
    int children_fd; /* read end of a pipe that the children of this generation hold
                        open: its end, after 'G', is the end of the last */
    int heirs_fd;    /* read end of a pipe: a byte = a group may have been superseded,
                        end of file = all have */
    int doorbell_fd; /* an eventfd that a child writes to when it has called a group
                        that sleeps (pyw_table_call) */
    int control_fd;  /* listening, non-blocking; -1: none. The same over restarts: who
                        retires leaves it to the next */
    struct pyw_socket_file
        *control_file;                 /* removed by us only if the parent has died */
    unsigned generation;               /* of the configuration; 1 is the first */
    int64_t server_started_ms;         /* clock.h */
    struct pyw_vitals *vitals;         /* where it shows that it lives; NULL: nowhere */
    const char *socket_dir;            /* removed at the end, with the sockets in it */
    const struct pyw_systemd *manager; /* who is told how things are; NULL: nobody */
    pyw_supervisor_log *log;
};

/* Runs until every daemon process has ended; the exit status of the process.
 * Single-threaded. */
int pyw_supervisor_run(const struct pyw_supervisor_plan *plan);

#endif
