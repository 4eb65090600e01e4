#include "apache/linger.h"

#include <ap_mpm.h>
#include <apr_portable.h>
#include <errno.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <poll.h>
#include <sched.h>
#include <scoreboard.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <util_filter.h>

#include "apache/conf.h"
#include "apache/kept.h"
#include "apache/log.h"
#include "apache/module.h"

/* Requests in a row; then the listener gets the connection once. */
#define TURNS_MAX 100
/* Of connections on which requests follow each other, for each processor, in this
 * child: with more, the threads that stay with theirs make no more requests, and all
 * others wait longer. Each keeps its seat through the requests of its row.
 */
#define SEATS_PER_PROCESSOR 8

/* Of one connection of a client. */
struct lingering {
    bool is_inside;  /* the hooks that really process the connection run */
    bool was_served; /* by a handler of ours, in this turn */
    bool has_seat;   /* one of child.seats */
    int ms;          /* to wait for the next request */
    struct pyw_kept_limits limits;
    struct pyw_kept *kept;
};

/* Of this child. */
static struct {
    bool is_async;             /* the MPM takes connections back; constant */
    unsigned threads;          /* constant */
    unsigned seats;            /* for `seated`; constant */
    _Atomic unsigned seated;   /* connections that stay with their thread */
    _Atomic unsigned occupied; /* threads that process a connection */
} child;

static struct lingering *linger_of(const conn_rec *c)
{
    return ap_get_module_config(c->conn_config, pyw_module);
}

void pyw_linger_note_request(const request_rec *r)
{
    struct lingering *own = linger_of(r->connection);
    const server_rec *base = r->connection->base_server;
    /* As event chooses. */
    const server_rec *s = r->server->keep_alive_timeout_set ? r->server : base;
    int wanted = pyw_conf_server(r->server)->keep_alive_linger_ms;

    if (own == NULL) {
        return;
    }
    own->was_served = true;
    own->limits.keep_alive_ms = apr_time_as_msec(s->keep_alive_timeout);
    own->limits.timeout_ms = apr_time_as_msec(
        base->timeout < r->server->timeout ? base->timeout : r->server->timeout);
    own->ms = wanted == PYW_UNSET ? PYW_LINGER_DEFAULT_MS : wanted;
    if (own->ms > own->limits.keep_alive_ms) {
        own->ms = (int)own->limits.keep_alive_ms;
    }
}

/* As the MPM does it: what the response left in the filters goes out. @return true when
 * all of it has. */
static bool has_flushed(conn_rec *c)
{
    ap_filter_t *last = c->output_filters;

    while (last->next != NULL) {
        last = last->next;
    }
    return last->frec->filter_func.out_func(last, NULL) == APR_SUCCESS &&
           !c->data_in_output_filters && !c->aborted;
}

static bool takes_seat(struct lingering *own)
{
    if (!own->has_seat) {
        own->has_seat = atomic_fetch_add_explicit(&child.seated, 1,
                                                  memory_order_relaxed) < child.seats;
        if (!own->has_seat) {
            atomic_fetch_sub_explicit(&child.seated, 1, memory_order_relaxed);
        }
    }
    return own->has_seat;
}

static void leave_seat(struct lingering *own)
{
    if (own->has_seat) {
        own->has_seat = false;
        atomic_fetch_sub_explicit(&child.seated, 1, memory_order_relaxed);
    }
}

/* Others come first: there must be as many free threads as ones that are busy, and not
 * too many may stay. */
static bool is_roomy(struct lingering *own)
{
    return atomic_load_explicit(&child.occupied, memory_order_relaxed) * 2 <=
               child.threads &&
           takes_seat(own);
}

static bool is_stopping(void)
{
    int state = AP_MPMQ_STOPPING;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS ||
           state == AP_MPMQ_STOPPING;
}

/* Waits for the next request. @return true when bytes of it, or the end of the
 * connection, are there. */
static bool has_come(conn_rec *c, int limit_ms)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    struct pollfd wanted = {.events = POLLIN};
    apr_os_sock_t fd;

    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return false;
    }
    (void)ap_update_child_status(c->sbh, SERVER_BUSY_KEEPALIVE, NULL);
    wanted.fd = fd;
    return poll(&wanted, 1, limit_ms) > 0;
}

/* Whether the answer of an application has gone out, and the connection is kept. */
static bool is_answered(conn_rec *c, const struct lingering *own)
{
    return own->was_served && c->cs != NULL &&
           c->cs->state == CONN_STATE_WRITE_COMPLETION &&
           c->keepalive == AP_CONN_KEEPALIVE && !c->clogging_input_filters &&
           has_flushed(c);
}

/* Whether the connection is to be processed once more by this thread. */
static bool goes_on(conn_rec *c, struct lingering *own)
{
    if (own->ms == 0 || !is_answered(c, own) || is_stopping()) {
        return false;
    }
    /* A request that was pipelined is in the filters already. */
    return c->data_in_input_filters || (is_roomy(own) && has_come(c, own->ms));
}

/* Runs the hooks that process the connection, as often as a request is there in time.
 */
static int process_turns(conn_rec *c, struct lingering *own)
{
    unsigned turns = 0;
    unsigned served = 0;
    int result;

    do {
        if (turns > 0) {
            c->cs->state = CONN_STATE_READ_REQUEST_LINE;
        }
        own->was_served = false;
        result = ap_run_process_connection(c);
        turns++;
        served += own->was_served ? 1 : 0;
    } while (result == OK && turns < TURNS_MAX && goes_on(c, own));
    leave_seat(own);
    if (served > 1) {
        pyw_log_connection(c, PYW_LEVEL_DEBUG,
                           "%u requests in a row on one thread (WSGIKeepAliveLinger)",
                           served);
    }
    return result;
}

static int process(conn_rec *c)
{
    struct lingering *own;
    int result;

    if (!child.is_async || c->master != NULL) {
        return DECLINED;
    }
    own = linger_of(c);
    if (own == NULL) {
        own = apr_pcalloc(c->pool, sizeof(*own));
        ap_set_module_config(c->conn_config, pyw_module, own);
    }
    if (own->is_inside) {
        return DECLINED;
    }
    own->is_inside = true;
    pyw_kept_resume(own->kept);
    atomic_fetch_add_explicit(&child.occupied, 1, memory_order_relaxed);
    result = process_turns(c, own);
    atomic_fetch_sub_explicit(&child.occupied, 1, memory_order_relaxed);
    own->is_inside = false;
    if (result == OK && is_answered(c, own) && !c->data_in_input_filters) {
        pyw_kept_wait(c, &own->limits, &own->kept);
    }
    return result;
}

static void init_child(apr_pool_t *pool, server_rec *s)
{
    int is_async = 0;
    int threads = 0;
    cpu_set_t set;

    (void)pool;
    (void)s;
    child.is_async =
        ap_mpm_query(AP_MPMQ_IS_ASYNC, &is_async) == APR_SUCCESS && is_async != 0;
    if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) == APR_SUCCESS && threads > 0) {
        child.threads = (unsigned)threads;
    }
    child.seats = SEATS_PER_PROCESSOR;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        child.seats *= (unsigned)CPU_COUNT(&set);
    }
}

void pyw_linger_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before all others: what they do is what is done once more. */
    ap_hook_process_connection(process, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
