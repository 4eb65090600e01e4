#include "apache/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/admission.h"
#include "channel/socket.h"

/* How long a request looks at an unchanged group table at most: a lost wake-up costs no
 * more. */
#define LOOK_AGAIN_MS 200
/* recv() returns this often so that the relay can look at the client too. */
#define RECEIVE_PATIENCE_MS 100
/* From that many start-ups on that failed in a row, a request does not even wait for
 * the next that is on its way. */
#define FAILURES_BORNE 3

struct pyw_pool {
    const struct pyw_group *group;
    struct pyw_pool *before; /* to the group's `before`; NULL: none */
    int doorbell_fd;         /* the supervisor's */
    struct pyw_seat seat;    /* this child's; given back at its end */
    pthread_mutex_t lock;
    struct {
        struct pyw_channel **idle; /* one stack per slot */
        uint32_t *in_flight;       /* requests of this child, per slot */
        uint32_t turn;
    } shared; /* under the lock */
};

static void free_channel(struct pyw_channel *channel)
{
    pyw_inbox_free(&channel->inbox);
    close(channel->fd);
    free(channel);
}

static void free_stack(struct pyw_channel **stack)
{
    while (*stack != NULL) {
        struct pyw_channel *channel = *stack;

        *stack = channel->next;
        free_channel(channel);
    }
}

static apr_status_t destroy(void *data)
{
    struct pyw_pool *pool = data;

    for (uint32_t slot = 0; slot < pool->group->slots; slot++) {
        free_stack(&pool->shared.idle[slot]);
    }
    if (pool->seat.pid == getpid()) {
        pyw_admission_give_seat(pool->group->table, &pool->seat);
    }
    pthread_mutex_destroy(&pool->lock);
    return APR_SUCCESS;
}

static struct pyw_pool *make(apr_pool_t *apr_pool, const struct pyw_group *group)
{
    struct pyw_pool *pool = apr_pcalloc(apr_pool, sizeof(*pool));

    pool->group = group;
    pool->doorbell_fd = -1;
    pool->shared.idle =
        apr_pcalloc(apr_pool, group->slots * sizeof(*pool->shared.idle));
    pool->shared.in_flight =
        apr_pcalloc(apr_pool, group->slots * sizeof(*pool->shared.in_flight));
    /* Children that start together should not all begin with the first process. */
    pool->shared.turn = (uint32_t)getpid();
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        return NULL;
    }
    apr_pool_cleanup_register(apr_pool, pool, destroy, apr_pool_cleanup_null);
    return pool;
}

struct pyw_pool *pyw_pool_create(apr_pool_t *apr_pool, const struct pyw_group *group,
                                 int doorbell_fd)
{
    struct pyw_pool *pool = make(apr_pool, group);

    if (pool == NULL) {
        return NULL;
    }
    pool->doorbell_fd = doorbell_fd;
    /* Where all are taken, which needs more children than ServerLimit allows, the
     * requests of this one are not counted. */
    (void)pyw_admission_take_seat(group->table, getpid(), &pool->seat);
    if (group->before != NULL) {
        pool->before = make(apr_pool, group->before);
    }
    return pool;
}

const struct pyw_group *pyw_pool_group(const struct pyw_pool *pool)
{
    return pool->group;
}

const unsigned char *pyw_pool_secret(const struct pyw_channel *channel)
{
    return channel->pool->group->setup.secret;
}

/* Takes the top of the slot's stack if it leads to that very process; stale channels
 * are closed. */
static struct pyw_channel *take_idle(struct pyw_pool *pool,
                                     const struct pyw_choice *process)
{
    struct pyw_channel **stack = &pool->shared.idle[process->slot];
    struct pyw_channel *channel;

    if (*stack != NULL && (*stack)->process.generation != process->generation) {
        free_stack(stack);
    }
    channel = *stack;
    if (channel != NULL) {
        *stack = channel->next;
        channel->next = NULL;
    }
    return channel;
}

/* Chooses a process and counts the request in. @return 0 or -EAGAIN. */
static int choose(struct pyw_pool *pool, struct pyw_choice *process,
                  struct pyw_channel **idle)
{
    int rv;

    pthread_mutex_lock(&pool->lock);
    rv = pyw_table_choose(pool->group->table, pool->shared.in_flight,
                          pool->shared.turn++, process);
    if (rv == 0) {
        pool->shared.in_flight[process->slot]++;
        *idle = take_idle(pool, process);
    }
    pthread_mutex_unlock(&pool->lock);
    return rv;
}

static void count_out(struct pyw_pool *pool, uint32_t slot)
{
    pthread_mutex_lock(&pool->lock);
    pool->shared.in_flight[slot]--;
    pthread_mutex_unlock(&pool->lock);
}

static int set_up_socket(const struct pyw_group *group, int fd)
{
    const struct pyw_options *options = &group->setup.options;
    int rv = pyw_socket_set_patience(fd, RECEIVE_PATIENCE_MS);

    return rv != 0 ? rv
                   : pyw_socket_set_buffers(fd, options->send_buffer_size,
                                            options->receive_buffer_size);
}

static int open_channel(struct pyw_pool *pool, const struct pyw_choice *process,
                        int64_t deadline_ms, struct pyw_channel **opened)
{
    const struct pyw_group *group = pool->group;
    int fd = pyw_socket_connect(group->socket_paths[process->slot], deadline_ms);
    struct pyw_channel *channel;

    if (fd < 0) {
        return fd;
    }
    channel = calloc(1, sizeof(*channel));
    if (channel == NULL || set_up_socket(group, fd) != 0) {
        free(channel);
        close(fd);
        return -ENOMEM;
    }
    channel->pool = pool;
    channel->fd = fd;
    channel->process = *process;
    channel->is_new = true;
    pyw_inbox_init(&channel->inbox, fd, PYW_FROM_DAEMON, true);
    pyw_outbox_init(&channel->outbox, fd);
    *opened = channel;
    return 0;
}

/* Has the supervisor start a process of a group that sleeps. */
static void call_process(const struct pyw_pool *pool)
{
    static const uint64_t one = 1;

    if (pyw_table_call(pool->group->table)) {
        /* An eventfd: it fails only where more rings are waiting than can be counted.
         */
        (void)!write(pool->doorbell_fd, &one, sizeof(one));
    }
}

/* Waits for a change of the group table. `was_asleep` gets true where the group was,
 * and it has been called: whoever has seen that waits for its start. @return 0;
 * -ETIMEDOUT; -ECONNREFUSED: waiting is no use, as the group cannot start its
 * processes. */
static int wait_for_process(const struct pyw_pool *pool, uint32_t seen,
                            const struct pyw_patience *patience, bool *was_asleep)
{
    const struct pyw_group *group = pool->group;
    uint32_t failures = pyw_table_failures(group->table);
    bool is_starting = pyw_table_count(group->table, PYW_STATE_STARTING) > 0;
    int left;

    if (failures >= FAILURES_BORNE || (failures > 0 && !is_starting)) {
        return -ECONNREFUSED;
    }
    if (!is_starting && pyw_table_is_asleep(group->table)) {
        call_process(pool);
        *was_asleep = true;
    }
    left = pyw_clock_until(is_starting || *was_asleep ? patience->start_ms
                                                      : patience->connect_ms);
    if (left == 0) {
        return -ETIMEDOUT;
    }
    pyw_table_wait(group->table, seen,
                   left < 0 || left > LOOK_AGAIN_MS ? LOOK_AGAIN_MS : left);
    return 0;
}

int pyw_pool_enter(const struct pyw_pool *pool)
{
    return pyw_admission_enter(pool->group->table, &pool->seat,
                               (uint64_t)pool->group->setup.options.queue_size);
}

void pyw_pool_leave(const struct pyw_pool *pool)
{
    pyw_admission_leave(pool->group->table, &pool->seat);
}

/* @return 0; -EAGAIN: no process is ready; -errno of connect. */
static int try_now(struct pyw_pool *pool, const struct pyw_patience *patience,
                   struct pyw_channel **channel)
{
    struct pyw_choice process;
    int rv = choose(pool, &process, channel);

    if (rv == 0 && *channel == NULL) {
        rv = open_channel(pool, &process, patience->connect_ms, channel);
        if (rv != 0) {
            count_out(pool, process.slot);
        }
    }
    return rv;
}

int pyw_pool_acquire(struct pyw_pool *pool, const struct pyw_patience *patience,
                     struct pyw_channel **channel)
{
    const struct pyw_group *group = pool->group;
    bool was_asleep = false;

    for (;;) {
        uint32_t seen = pyw_table_seen(group->table);
        int rv = try_now(pool, patience, channel);

        if (rv != -EAGAIN) {
            return rv;
        }
        /* Any error there only means that it is no help. */
        if (pool->before != NULL && try_now(pool->before, patience, channel) == 0) {
            return 0;
        }
        rv = wait_for_process(pool, seen, patience, &was_asleep);
        if (rv != 0) {
            return rv;
        }
    }
}

void pyw_pool_release(struct pyw_channel *channel)
{
    struct pyw_pool *pool = channel->pool;
    uint32_t slot = channel->process.slot;

    pyw_inbox_rest(&channel->inbox);
    channel->is_new = false;
    pthread_mutex_lock(&pool->lock);
    pool->shared.in_flight[slot]--;
    channel->next = pool->shared.idle[slot];
    pool->shared.idle[slot] = channel;
    pthread_mutex_unlock(&pool->lock);
}

void pyw_pool_discard(struct pyw_channel *channel)
{
    count_out(channel->pool, channel->process.slot);
    free_channel(channel);
}
