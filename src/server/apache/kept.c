#include "apache/kept.h"

#include <ap_mpm.h>
#include <apr_portable.h>
#include <apr_ring.h>
#include <http_core.h>
#include <mpm_common.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/thread.h"

#ifdef AP_MPMQ_CAN_WAITIO

/* Between two looks for connections whose time is over, at least. */
#define LOOK_MS 100
/* Event ends the wait for input itself after Timeout: what is that near to it is left
 * to it, as the descriptor may be another connection's by then. */
#define SLACK_MS 2000
/* In a child that is to end, connections wait no longer. */
#define STOPPING_MS 5000

/* Lives in the connection's pool. */
struct pyw_kept {
    int fd;
    /* under the lock */
    int64_t end_ms;     /* by KeepAliveTimeout */
    int64_t its_own_ms; /* when event itself may end the wait, not before */
    APR_RING_ENTRY(pyw_kept) link;
    bool is_waiting;
};

APR_RING_HEAD(kept_ring, pyw_kept);

/* From the start of the child until it is to end at once. */
static atomic_bool can_wait;
static pthread_t warden;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t is_changed; /* one has to be looked at sooner, or the child ends */
    struct kept_ring waiting;
    int64_t look_ms;   /* when the warden looks */
    int64_t latest_ms; /* nobody waits longer: the child is to end */
    bool is_over;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .latest_ms = PYW_CLOCK_NEVER};

static void detach(struct pyw_kept *kept)
{
    if (kept->is_waiting) {
        kept->is_waiting = false;
        APR_RING_REMOVE(kept, link);
    }
}

/* --- KeepAliveTimeout --- */

static int64_t end_of(const struct pyw_kept *kept)
{
    return kept->end_ms < shared.latest_ms ? kept->end_ms : shared.latest_ms;
}

/* The end of input, as if the client had closed: a thread will close the connection as
 * any other. */
static void end(struct pyw_kept *kept, int64_t now_ms)
{
    detach(kept);
    if (now_ms < kept->its_own_ms - SLACK_MS / 2) {
        (void)shutdown(kept->fd, SHUT_RD); /* fails where the client has closed */
    }
}

/* @return when to look again; PYW_CLOCK_NEVER: nothing waits. */
static int64_t end_overdue(int64_t now_ms)
{
    int64_t next_ms = PYW_CLOCK_NEVER;
    struct pyw_kept *kept = APR_RING_FIRST(&shared.waiting);

    while (kept != APR_RING_SENTINEL(&shared.waiting, pyw_kept, link)) {
        struct pyw_kept *after = APR_RING_NEXT(kept, link);

        if (end_of(kept) <= now_ms) {
            end(kept, now_ms);
        } else if (end_of(kept) < next_ms) {
            next_ms = end_of(kept);
        }
        kept = after;
    }
    return next_ms < now_ms + LOOK_MS ? now_ms + LOOK_MS : next_ms;
}

static void wait_until(int64_t next_ms)
{
    struct timespec until = {.tv_sec = (time_t)(next_ms / 1000),
                             .tv_nsec = (long)(next_ms % 1000) * 1000000};

    if (next_ms == PYW_CLOCK_NEVER) {
        (void)pthread_cond_wait(&shared.is_changed, &shared.lock);
    } else {
        (void)pthread_cond_timedwait(&shared.is_changed, &shared.lock, &until);
    }
}

static void *watch(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&shared.lock);
    while (!shared.is_over) {
        shared.look_ms = end_overdue(pyw_clock_now_ms());
        wait_until(shared.look_ms);
    }
    pthread_mutex_unlock(&shared.lock);
    return NULL;
}

/* --- waiting --- */

void pyw_kept_resume(struct pyw_kept *kept)
{
    if (kept != NULL) {
        pthread_mutex_lock(&shared.lock);
        detach(kept);
        pthread_mutex_unlock(&shared.lock);
    }
}

static apr_status_t forget(void *data)
{
    pyw_kept_resume(data);
    return APR_SUCCESS;
}

/* @return below 0: it has none, or a child that ends at once has closed it. */
static int descriptor_of(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    int fd;

    return socket != NULL && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

static struct pyw_kept *make(conn_rec *c, int fd)
{
    struct pyw_kept *kept = apr_pcalloc(c->pool, sizeof(*kept));

    kept->fd = fd;
    apr_pool_cleanup_register(c->pool, kept, forget, apr_pool_cleanup_null);
    return kept;
}

void pyw_kept_wait(conn_rec *c, const struct pyw_kept_limits *limits,
                   struct pyw_kept **kept)
{
    int64_t now_ms = pyw_clock_now_ms();
    int fd = descriptor_of(c);
    bool is_sooner;

    if (!can_wait || fd < 0 || limits->keep_alive_ms + SLACK_MS > limits->timeout_ms) {
        return;
    }
    if (*kept == NULL) {
        *kept = make(c, fd);
    }
    c->cs->state = CONN_STATE_ASYNC_WAITIO;
    c->cs->sense = CONN_SENSE_WANT_READ;
    pthread_mutex_lock(&shared.lock);
    (*kept)->end_ms = now_ms + limits->keep_alive_ms;
    (*kept)->its_own_ms = now_ms + limits->timeout_ms;
    (*kept)->is_waiting = true;
    APR_RING_INSERT_TAIL(&shared.waiting, *kept, pyw_kept, link);
    is_sooner = end_of(*kept) < shared.look_ms;
    pthread_mutex_unlock(&shared.lock);
    if (is_sooner) {
        pthread_cond_signal(&shared.is_changed);
    }
}

/* --- the child --- */

/* The child finishes what it has: connections that are idle are no reason to stay for
 * long, nor are they closed in the face of a request that is on its way. */
static void hurry(apr_pool_t *pool, int is_graceful)
{
    (void)pool;
    if (!can_wait) {
        return;
    }
    if (!is_graceful) {
        can_wait = false; /* Apache closes all connections, whoever has them */
    }
    pthread_mutex_lock(&shared.lock);
    shared.latest_ms = pyw_clock_now_ms() + STOPPING_MS;
    pthread_mutex_unlock(&shared.lock);
    pthread_cond_signal(&shared.is_changed);
}

/* The thread must not run when the module is unloaded. */
static apr_status_t end_warden(void *data)
{
    (void)data;
    pthread_mutex_lock(&shared.lock);
    shared.is_over = true;
    pthread_mutex_unlock(&shared.lock);
    pthread_cond_signal(&shared.is_changed);
    (void)pthread_join(warden, NULL);
    return APR_SUCCESS;
}

static int start_warden(void)
{
    pthread_condattr_t attributes;

    APR_RING_INIT(&shared.waiting, pyw_kept, link);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&shared.is_changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return pyw_thread_start_joinable(watch, NULL, &warden);
}

static void init_child(apr_pool_t *pool, server_rec *s)
{
    int answer = 0;

    (void)s;
    if (ap_mpm_query(AP_MPMQ_CAN_WAITIO, &answer) == APR_SUCCESS && answer != 0 &&
        start_warden() == 0) {
        can_wait = true;
        apr_pool_cleanup_register(pool, NULL, end_warden, apr_pool_cleanup_null);
    }
}

void pyw_kept_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(hurry, NULL, NULL, APR_HOOK_MIDDLE);
}

#else /* an older Apache: event's own ways */

void pyw_kept_wait(conn_rec *c, const struct pyw_kept_limits *limits,
                   struct pyw_kept **kept)
{
    (void)c;
    (void)limits;
    (void)kept;
}

void pyw_kept_resume(struct pyw_kept *kept)
{
    (void)kept;
}

void pyw_kept_register_hooks(apr_pool_t *pool)
{
    (void)pool;
}

#endif
