#include "host/gate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "python/runtime.h"

struct lane {
    _Alignas(PYW_GATE_LINE) _Atomic uint32_t limit; /* read without the lock */
    _Atomic uint32_t out;                           /* the same */
    _Atomic uint32_t busy;                          /* workers in a request */
    pthread_mutex_t lock; /* guards changes of the first two; a leaf */
    pthread_cond_t has_risen;
};

struct pyw_gate {
    uint32_t lane_count;
    uint32_t threads;
    struct lane *lanes;
    struct pyw_gate_worker *workers;
    bool is_counting; /* set before the first worker joins */
    atomic_bool is_open;
    atomic_bool is_watched; /* by a thread that is awake; true without a watcher */
    pthread_mutex_t lock;   /* guards `wakes`; a leaf */
    pthread_cond_t is_woken;
    struct {
        bool wakes;
    } shared;
};

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int rv = -pthread_condattr_init(&attributes);

    if (rv == 0) {
        rv = -pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    }
    if (rv == 0) {
        rv = -pthread_cond_init(condition, &attributes);
    }
    (void)pthread_condattr_destroy(&attributes);
    return rv;
}

static void *lines(size_t count, size_t size)
{
    void *made = aligned_alloc(PYW_GATE_LINE, count * size);

    if (made != NULL) {
        memset(made, 0, count * size);
    }
    return made;
}

static int init_lane(struct lane *lane, uint32_t threads)
{
    atomic_store(&lane->limit, threads);
    atomic_store(&lane->out, threads);
    (void)pthread_mutex_init(&lane->lock, NULL);
    return init_condition(&lane->has_risen);
}

int pyw_gate_init(struct pyw_gate **gate, uint32_t lanes, uint32_t threads)
{
    struct pyw_gate *made = calloc(1, sizeof(*made));
    int rv = made != NULL ? init_condition(&made->is_woken) : -ENOMEM;

    if (rv == 0) {
        (void)pthread_mutex_init(&made->lock, NULL);
        atomic_store(&made->is_watched, true);
        made->threads = threads;
        made->lanes = lines(lanes, sizeof(struct lane));
        made->workers = lines(threads + 1, sizeof(struct pyw_gate_worker));
        rv = made->lanes != NULL && made->workers != NULL ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; rv == 0 && i < lanes; i++) {
        rv = init_lane(&made->lanes[i], (threads + lanes - 1 - i) / lanes);
        made->lane_count += rv == 0 ? 1 : 0;
    }
    if (rv != 0) {
        pyw_gate_free(made);
        return rv;
    }
    *gate = made;
    return 0;
}

void pyw_gate_free(struct pyw_gate *gate)
{
    if (gate == NULL) {
        return;
    }
    for (uint32_t i = 0; i < gate->lane_count; i++) {
        pthread_cond_destroy(&gate->lanes[i].has_risen);
        pthread_mutex_destroy(&gate->lanes[i].lock);
    }
    pthread_cond_destroy(&gate->is_woken);
    pthread_mutex_destroy(&gate->lock);
    free(gate->lanes);
    free(gate->workers);
    free(gate);
}

/* --- workers --- */

void pyw_gate_join(struct pyw_gate *gate, uint32_t index)
{
    struct pyw_gate_worker *worker = &gate->workers[index];

    worker->tid = (pid_t)syscall(SYS_gettid);
    if (pthread_getcpuclockid(pthread_self(), &worker->clock) != 0) {
        worker->clock = CLOCK_PROCESS_CPUTIME_ID;
    }
    pyw_runtime_tell_wants(&worker->wants_gil);
    atomic_store(&worker->phase, PYW_GATE_FREE);
    atomic_store(&worker->is_here, true);
}

static void park(struct lane *lane, struct pyw_gate_worker *worker)
{
    pthread_mutex_lock(&lane->lock);
    if (atomic_load(&lane->out) > atomic_load(&lane->limit)) {
        atomic_store(&worker->phase, PYW_GATE_PARKED);
        atomic_fetch_sub(&lane->out, 1);
        while (atomic_load(&lane->out) >= atomic_load(&lane->limit)) {
            pthread_cond_wait(&lane->has_risen, &lane->lock);
        }
        atomic_fetch_add(&lane->out, 1);
        atomic_store(&worker->phase, PYW_GATE_FREE);
    }
    pthread_mutex_unlock(&lane->lock);
}

void pyw_gate_pass(struct pyw_gate *gate, uint32_t index)
{
    struct lane *lane = &gate->lanes[index % gate->lane_count];
    struct pyw_gate_worker *worker = &gate->workers[index];

    if (atomic_load_explicit(&lane->out, memory_order_relaxed) >
        atomic_load_explicit(&lane->limit, memory_order_relaxed)) {
        park(lane, worker);
    }
}

static void wake_watcher(struct pyw_gate *gate)
{
    if (!atomic_exchange(&gate->is_watched, true)) {
        pthread_mutex_lock(&gate->lock);
        gate->shared.wakes = true;
        pthread_cond_signal(&gate->is_woken);
        pthread_mutex_unlock(&gate->lock);
    }
}

/* `busy`: of the lane's workers. */
static bool is_used(const struct lane *lane, uint32_t busy)
{
    return busy >= 2 ||
           busy >= atomic_load_explicit(&lane->limit, memory_order_relaxed);
}

void pyw_gate_take(struct pyw_gate *gate, uint32_t index)
{
    struct lane *lane = &gate->lanes[index % gate->lane_count];
    struct pyw_gate_worker *worker = &gate->workers[index];
    uint32_t taken = atomic_load_explicit(&worker->taken, memory_order_relaxed);

    atomic_store_explicit(&worker->taken, taken + 1, memory_order_relaxed);
    atomic_store_explicit(&worker->phase, PYW_GATE_BUSY, memory_order_relaxed);
    if (gate->is_counting && is_used(lane, atomic_fetch_add(&lane->busy, 1) + 1) &&
        !atomic_load(&gate->is_watched)) {
        wake_watcher(gate);
    }
}

void pyw_gate_done(struct pyw_gate *gate, uint32_t index)
{
    atomic_store_explicit(&gate->workers[index].phase, PYW_GATE_FREE,
                          memory_order_relaxed);
    if (gate->is_counting) {
        atomic_fetch_sub(&gate->lanes[index % gate->lane_count].busy, 1);
    }
}

/* --- the watcher --- */

void pyw_gate_count(struct pyw_gate *gate)
{
    gate->is_counting = true;
}

uint32_t pyw_gate_lanes(const struct pyw_gate *gate)
{
    return gate->lane_count;
}

uint32_t pyw_gate_threads(const struct pyw_gate *gate)
{
    return gate->threads;
}

const struct pyw_gate_worker *pyw_gate_worker(const struct pyw_gate *gate,
                                              uint32_t index)
{
    return &gate->workers[index];
}

static void set_limit(struct lane *lane, uint32_t limit)
{
    uint32_t before;

    pthread_mutex_lock(&lane->lock);
    before = atomic_exchange(&lane->limit, limit);
    if (limit > before) {
        pthread_cond_broadcast(&lane->has_risen);
    }
    pthread_mutex_unlock(&lane->lock);
}

void pyw_gate_set_limit(struct pyw_gate *gate, uint32_t lane, uint32_t limit)
{
    set_limit(&gate->lanes[lane], limit);
    if (atomic_load(&gate->is_open)) { /* meanwhile */
        pyw_gate_open(gate);
    }
}

bool pyw_gate_is_used(const struct pyw_gate *gate, uint32_t lane)
{
    return is_used(&gate->lanes[lane], atomic_load(&gate->lanes[lane].busy));
}

static bool has_used(const struct pyw_gate *gate)
{
    for (uint32_t i = 0; i < gate->lane_count; i++) {
        if (pyw_gate_is_used(gate, i)) {
            return true;
        }
    }
    return false;
}

bool pyw_gate_sleep(struct pyw_gate *gate, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000,
                             .tv_nsec = until_ms % 1000 * 1000000};
    int rv = 0;

    atomic_store(&gate->is_watched, false);
    if (has_used(gate)) {
        wake_watcher(gate);
    }
    pthread_mutex_lock(&gate->lock);
    while (!gate->shared.wakes && rv == 0) {
        rv = until_ms == PYW_CLOCK_NEVER
                 ? pthread_cond_wait(&gate->is_woken, &gate->lock)
                 : pthread_cond_timedwait(&gate->is_woken, &gate->lock, &until);
    }
    gate->shared.wakes = false;
    pthread_mutex_unlock(&gate->lock);
    return rv == 0;
}

/* --- the end --- */

void pyw_gate_open(struct pyw_gate *gate)
{
    atomic_store(&gate->is_open, true);
    for (uint32_t i = 0; i < gate->lane_count; i++) {
        set_limit(&gate->lanes[i], UINT32_MAX);
    }
}

bool pyw_gate_is_open(const struct pyw_gate *gate)
{
    return atomic_load(&gate->is_open);
}

uint32_t pyw_gate_limit(const struct pyw_gate *gate)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < gate->lane_count; i++) {
        sum += atomic_load(&gate->lanes[i].limit);
    }
    return sum < gate->threads ? (uint32_t)sum : gate->threads;
}

void pyw_gate_abandon(struct pyw_gate *gate)
{
    atomic_store(&gate->is_watched, true);
    for (uint32_t i = 0; i < gate->lane_count; i++) {
        atomic_store(&gate->lanes[i].limit, UINT32_MAX);
    }
}
