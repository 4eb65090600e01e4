/* zygote.h: the zygotes of a process group with preload=On: each has imported the
 * group's scripts, and forks the processes that serve by order (host/zygote,
 * channel/order).
 *
 * One is enough. When the scripts are to be read anew, another starts beside it, and
 * takes over once it is ready; one that dies is replaced. The processes that it forked
 * go on in any case.
 *
 * Who decides how often a start is tried is the crew (supervisor/crew). Supervisor
 * process, its only thread.
 */
#ifndef PYW_SUPERVISOR_ZYGOTE_H
#define PYW_SUPERVISOR_ZYGOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/group.h"
#include "supervisor/logpipe.h"
#include "supervisor/process.h"

/* One that serves, one that is to take over, and those that are about to end. */
#define PYW_ZYGOTES_MAX 4

enum pyw_zygote_state {
    PYW_ZYGOTE_NONE = 0,
    PYW_ZYGOTE_STARTING = 1, /* imports */
    PYW_ZYGOTE_READY = 2,
    PYW_ZYGOTE_ENDING = 3 /* was told to */
};

struct pyw_zygote {
    enum pyw_zygote_state state;
    pid_t pid;
    int lifeline_fd; /* our end; -1: none */
    struct pyw_logpipe output;
    int64_t since_ms;   /* when it was started, or was ready */
    int64_t kill_at_ms; /* when it is killed: it is not ready, has not forked, or not
                           ended */
    bool is_late;       /* it was */
};

struct pyw_zygotes {
    const struct pyw_group *group;
    pyw_supervisor_log *log;
    int notify_fd;
    bool is_stale;       /* what is ready has read what is no longer so */
    unsigned quick_ends; /* in a row, right after they were ready */
    int64_t retry_at_ms; /* after those, no start before */
    struct pyw_zygote all[PYW_ZYGOTES_MAX];
};

/* What became of one that has ended. */
enum pyw_zygote_end {
    PYW_ZYGOTE_WAS_TOLD,    /* as it should */
    PYW_ZYGOTE_WAS_READY,   /* it died */
    PYW_ZYGOTE_DID_NOT_LOAD /* it never got ready */
};

void pyw_zygotes_init(struct pyw_zygotes *zygotes, const struct pyw_group *group,
                      pyw_supervisor_log *log, int notify_fd);

/* Whether processes of the group are forked at all. */
bool pyw_zygotes_are_wanted(const struct pyw_group *group);
/* True when no process is left. */
bool pyw_zygotes_are_gone(const struct pyw_zygotes *zygotes);
/* True when one should be started: none is, or will be, up to date. */
bool pyw_zygotes_lack(const struct pyw_zygotes *zygotes);

/* Where to send an order for a process, one that replaces another or any. @return the
 * lifeline; -1: none can take it now. */
int pyw_zygotes_order_fd(const struct pyw_zygotes *zygotes, bool is_successor);

/* Whether what it was told to fork has yet to come: that does not take for ever. */
void pyw_zygotes_await(struct pyw_zygotes *zygotes, bool is_awaited);

/* Scripts are to be read anew: what imports them now may have begun too early. */
void pyw_zygotes_renew(struct pyw_zygotes *zygotes);
/* Starts one; with `must_load` it has to import what the group had loaded. @return 0 or
 * -errno with `step` set. */
int pyw_zygotes_start(struct pyw_zygotes *zygotes, bool must_load, const char **step);

/* Hears what it has to say. */
void pyw_zygote_hear(struct pyw_zygotes *zygotes, struct pyw_zygote *zygote);
/* The one that takes orders takes none any more: it is about to end, or made to. */
void pyw_zygotes_lose(struct pyw_zygotes *zygotes);
/* Has all end, and killed after `grace_ms` at the latest. */
void pyw_zygotes_stop(struct pyw_zygotes *zygotes, int64_t grace_ms);
/* Kills those whose time is over. */
void pyw_zygotes_enforce(struct pyw_zygotes *zygotes, int64_t now_ms);
/* When that is, at the earliest. */
int64_t pyw_zygotes_deadline_ms(const struct pyw_zygotes *zygotes);

/* It has ended with that wait status: says so, quietly where it `is_known` that it does
 * not load. Its output is the caller's to close before. */
enum pyw_zygote_end pyw_zygote_reap(struct pyw_zygotes *zygotes,
                                    struct pyw_zygote *zygote, int status,
                                    bool is_known);

#endif
