/* pool.h: the channels of one Apache child to the processes of one group, kept open
 * between requests, and the choice of the process for the next request.
 *
 * Apache children. One pool per group and child; any worker thread, behind the pool's
 * lock. A channel in use belongs to one thread. Lock order: nothing is called while the
 * lock is held.
 */
#ifndef PYW_APACHE_POOL_H
#define PYW_APACHE_POOL_H

#include <apr_pools.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/inbox.h"
#include "channel/outbox.h"
#include "channel/table.h"
#include "supervisor/group.h"

struct pyw_pool;

struct pyw_channel {
    struct pyw_pool *pool; /* whose it is: of the group or of its `before` */
    int fd;
    struct pyw_choice process;
    struct pyw_inbox inbox;
    struct pyw_outbox outbox;
    bool is_new;              /* HELLO has not been exchanged */
    struct pyw_channel *next; /* in the pool */
};

/* Child start. The pool lives as long as `pool`. `doorbell_fd` wakes the supervisor.
 * NULL when memory is short. */
struct pyw_pool *pyw_pool_create(apr_pool_t *pool, const struct pyw_group *group,
                                 int doorbell_fd);

/* A request arrives: it is in the group's queue until it leaves, which is when its
 * answer begins or it is over. @return 0; -EBUSY: as many as may (queue-size=) wait
 * already, over all children. */
int pyw_pool_enter(const struct pyw_pool *pool);
void pyw_pool_leave(const struct pyw_pool *pool);

/* How long a request waits for a process: clock.h deadlines. */
struct pyw_patience {
    int64_t connect_ms; /* for one to become ready or to have room in its backlog
                           (connect-timeout=) */
    int64_t start_ms;   /* while one is on its way: an application may take its time to
                           import */
};

/* A channel to the ready process with the least load; while the group has none, to one
 * of the configuration before a graceful restart; else waits for one, and wakes a group
 * that sleeps. @return 0;
 * -ETIMEDOUT: none in time; -ECONNREFUSED: the group cannot start its processes; -errno
 * of connect. */
int pyw_pool_acquire(struct pyw_pool *pool, const struct pyw_patience *patience,
                     struct pyw_channel **channel);

/* The request is over and the channel may serve another. */
void pyw_pool_release(struct pyw_channel *channel);
/* The request is over and the channel with it. */
void pyw_pool_discard(struct pyw_channel *channel);

const struct pyw_group *pyw_pool_group(const struct pyw_pool *pool);
/* What a channel proves itself by, in both directions. */
const unsigned char *pyw_pool_secret(const struct pyw_channel *channel);

#endif
