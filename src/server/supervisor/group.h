/* group.h: a process group as the parent prepared it: options, identity, group table,
 * and one listening socket per slot. Made in the Apache parent before the supervisor is
 * forked and never changed after; the supervisor and the children read the same memory.
 */
#ifndef PYW_SUPERVISOR_GROUP_H
#define PYW_SUPERVISOR_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/setup.h"
#include "channel/table.h"
#include "supervisor/identity.h"

struct pyw_group {
    const char *name;
    struct pyw_setup setup; /* all but slot and generation */
    struct pyw_identity identity;
    struct pyw_table *table;
    int table_fd;
    int board_fd;  /* with server-metrics=On: snapshots (channel/board); 0: none */
    int tmp_fd;    /* with private-tmp=On: its mount namespace; 0: none */
    int turn_file; /* of a group with threads=0 (supervisor/turn) */
    uint32_t slots;
    uint32_t cells;          /* of the table: Apache children at a time */
    int *listeners;          /* one per slot; NULL where no requests are served */
    char **socket_paths;     /* the same */
    const char *module_dir;  /* where mod_pywsgi.so lies: a place to look for the daemon
                                program */
    const char *libexec_dir; /* another: where `make install` puts it */
    const char *apache_home; /* not NULL: the directory that processes stay in when
                                home= is absent */
    void *log_context;       /* for pyw_supervisor_log */
    /* Over a graceful restart: the group of the same name that serves until this one is
     * ready, a table and sockets only. NULL: none. Owned. */
    struct pyw_group *before;
    int heirs_fd; /* of a `before`: wakes its supervisor; -1: it has been told */
};

/* Creates the group table, the secret and the sockets `<dir>/<name>.<slot>` of a group,
 * which has none if it serves no requests.
 * @return 0, or -errno with a sentence in `why`; what was made is released by
 * pyw_group_close. */
int pyw_group_open(struct pyw_group *group, const char *dir, const char *name,
                   uid_t socket_owner, char *why, size_t why_size);
/* True when one of its processes takes requests. */
bool pyw_group_serves(const struct pyw_group *group);

/* Lets the supervisor of a `before` know that nobody needs the group any more, once
 * the children of its own configuration have gone. Idempotent. */
void pyw_group_supersede(struct pyw_group *before);

/* Closes the sockets (and, with `unlink_sockets`, removes them), the table, and
 * `before`.
 * Idempotent. */
void pyw_group_close(struct pyw_group *group, bool unlink_sockets);

#endif
