#include "host/watcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "host/gate.h"
#include "host/pacing.h"
#include "host/poller.h"
#include "python/runtime.h"

/* Between looks: at least; at most while workers are parked, and while none is. */
#define LOOK_US 1000
#define LOOK_SELDOM_US 4000
#define LOOK_OPEN_US 16000
/* Whatever those who are out do: so long a request waits for them. */
#define STALL_US 100000
/* A request that has computed for so long; Python's switch interval. */
#define LONG_US 5000
/* So long without anything to watch, and everybody is let out again. */
#define FORGET_MS 50

/* What is remembered of a worker between looks. */
struct memory {
    uint32_t taken;   /* at the last look */
    bool is_timed;    /* since then, the same request */
    int64_t begun_us; /* processor time of the thread when that was set */
    int64_t since_us; /* and what the clock said */
};

struct watched_lane {
    struct pyw_pacing pacing;
    struct pyw_pacing_window window;
    uint32_t looks;   /* of the window */
    uint32_t taken;   /* by all, at the last look */
    int64_t taken_us; /* when the lane was last not held, or one took something */
    long pause_us;    /* until the next look */
};

struct watcher {
    struct pyw_host *host;
    struct pyw_gate *gate;
    struct memory *memories;    /* by worker */
    struct watched_lane *lanes; /* by lane */
};

/* What one look at a lane finds. */
struct look {
    uint32_t busy;
    uint32_t spare;
    uint32_t wanting;
    uint32_t taken;
    uint32_t lasting;
};

static struct look look_at(const struct watcher *watcher, uint32_t number)
{
    struct look look = {0};

    for (uint32_t i = number; i < pyw_gate_threads(watcher->gate);
         i += pyw_gate_lanes(watcher->gate)) {
        const struct pyw_gate_worker *worker = pyw_gate_worker(watcher->gate, i);
        struct memory *memory = &watcher->memories[i];
        uint32_t phase = atomic_load(&worker->phase);
        uint32_t taken = atomic_load(&worker->taken);

        look.busy += phase == PYW_GATE_BUSY ? 1 : 0;
        look.spare += phase == PYW_GATE_FREE ? 1 : 0;
        look.lasting += phase == PYW_GATE_BUSY && taken == memory->taken ? 1 : 0;
        look.wanting += atomic_load(&worker->wants_gil) ? 1 : 0;
        look.taken += taken;
        memory->is_timed &= taken == memory->taken;
        memory->taken = taken;
    }
    return look;
}

/* Whether the kernel has the thread run, or would if it had a processor. @return false
 * also where it does not say: without /proc (chroot=), what takes no request counts as
 * waiting. */
static bool is_running(pid_t tid)
{
    char path[64];
    char text[128];
    const char *state;
    ssize_t got = -1;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, text, sizeof(text) - 1);
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    state = strrchr(text, ')'); /* behind the name of the thread, which may have some */
    return state != NULL && strncmp(state, ") R", 3) == 0;
}

/* Whether one of those who are out computes. */
static bool computes(const struct pyw_gate *gate, uint32_t number)
{
    for (uint32_t i = number; i < pyw_gate_threads(gate); i += pyw_gate_lanes(gate)) {
        const struct pyw_gate_worker *worker = pyw_gate_worker(gate, i);

        if (atomic_load(&worker->is_here) &&
            atomic_load(&worker->phase) != PYW_GATE_PARKED &&
            !atomic_load(&worker->wants_gil) && is_running(worker->tid)) {
            return true;
        }
    }
    return false;
}

/* 1 where workers wait for the GIL and none has it. */
static uint32_t is_elsewhere(const struct pyw_gate *gate, uint32_t number,
                             const struct look *look)
{
    return look->wanting > 0 && !computes(gate, number) ? 1 : 0;
}

static int64_t cpu_us(const struct pyw_gate_worker *worker)
{
    struct timespec time = {0, 0};

    (void)clock_gettime(worker->clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Whether a request has computed for long, since it was first looked at here. What
 * takes longer than STALL_US for that, as a stream does, mostly waits. */
static bool has_long(const struct watcher *watcher, uint32_t number, int64_t now_us)
{
    bool is_so = false;

    for (uint32_t i = number; i < pyw_gate_threads(watcher->gate);
         i += pyw_gate_lanes(watcher->gate)) {
        const struct pyw_gate_worker *worker = pyw_gate_worker(watcher->gate, i);
        struct memory *memory = &watcher->memories[i];

        if (atomic_load(&worker->phase) != PYW_GATE_BUSY) {
            continue;
        }
        if (!memory->is_timed || now_us - memory->since_us > STALL_US) {
            memory->is_timed = true;
            memory->since_us = now_us;
            memory->begun_us = cpu_us(worker);
        }
        is_so |= cpu_us(worker) - memory->begun_us > LONG_US;
    }
    return is_so;
}

static void begin_window(struct watched_lane *lane)
{
    lane->looks = 0;
    lane->window = (struct pyw_pacing_window){.spare = UINT32_MAX};
}

/* @return whether the limit of a lane that is held was raised. */
static bool relieve(struct watcher *watcher, uint32_t number, bool has_taken,
                    bool is_idle, int64_t now_us)
{
    struct watched_lane *lane = &watcher->lanes[number];

    if (has_long(watcher, number, now_us)) {
        pyw_pacing_has_long(&lane->pacing);
    } else if ((!has_taken && is_idle) || now_us - lane->taken_us > STALL_US) {
        pyw_pacing_stalled(&lane->pacing);
    } else {
        return false;
    }
    pyw_gate_set_limit(watcher->gate, number, lane->pacing.limit);
    lane->taken_us = now_us;
    lane->pause_us = LOOK_US;
    begin_window(lane);
    return true;
}

static void end_window(struct watcher *watcher, uint32_t number)
{
    struct watched_lane *lane = &watcher->lanes[number];
    uint32_t limit = lane->pacing.limit;
    bool is_open = limit == lane->pacing.threads;

    lane->window.is_coarse = lane->pause_us > LOOK_US;
    pyw_pacing_step(&lane->pacing, &lane->window);
    if (lane->pacing.limit != limit) {
        pyw_gate_set_limit(watcher->gate, number, lane->pacing.limit);
        lane->pause_us = LOOK_US;
    } else if (lane->window.is_coarse &&
               pyw_pacing_is_ample(&lane->pacing, &lane->window)) {
        lane->pause_us = LOOK_US;
    } else if (lane->pause_us < (is_open ? LOOK_OPEN_US : LOOK_SELDOM_US)) {
        lane->pause_us *= 2;
    }
    begin_window(lane);
}

static bool has_spare(const struct pyw_gate *gate)
{
    for (uint32_t i = 0; i < pyw_gate_threads(gate); i++) {
        if (atomic_load(&pyw_gate_worker(gate, i)->phase) == PYW_GATE_FREE) {
            return true;
        }
    }
    return false;
}

/* Whether requests wait that none of those who are out is free to take, and others
 * could be let out. Requests are for all lanes. */
static bool is_held(const struct watcher *watcher, const struct pyw_pacing *pacing,
                    const struct look *look)
{
    return look->busy > 0 && pacing->limit < pacing->threads &&
           !has_spare(watcher->gate) && pyw_poller_has_some(watcher->host->poller);
}

/* @return whether there is something to watch. */
static bool watch_lane(struct watcher *watcher, uint32_t number)
{
    struct watched_lane *lane = &watcher->lanes[number];
    struct look look = look_at(watcher, number);
    int64_t now_us = pyw_clock_now_us();
    bool is_so = is_held(watcher, &lane->pacing, &look);
    bool has_taken = look.taken != lane->taken;
    /* Asking the kernel costs more than the rest of a look. */
    bool is_idle = is_so && look.wanting == 0 && (!has_taken || lane->looks % 2 == 0) &&
                   !computes(watcher->gate, number);

    if (has_taken || !is_so) {
        lane->taken_us = now_us;
    }
    lane->taken = look.taken;
    if (is_so && relieve(watcher, number, has_taken, is_idle, now_us)) {
        return true;
    }
    lane->looks++;
    lane->window.held += is_so ? 1 : 0;
    lane->window.idle += is_idle ? 1 : 0;
    lane->window.wanting += look.wanting;
    lane->window.elsewhere += is_elsewhere(watcher->gate, number, &look);
    lane->window.lasting += look.lasting;
    lane->window.spare =
        look.spare < lane->window.spare ? look.spare : lane->window.spare;
    if (lane->looks == PYW_PACING_LOOKS) {
        end_window(watcher, number);
    }
    return has_taken || pyw_gate_is_used(watcher->gate, number);
}

/* Whether a lane has a GIL at most. */
static bool has_gils(const struct pyw_gate *gate)
{
    unsigned gils = pyw_runtime_gils();

    return gils > 0 && gils <= pyw_gate_lanes(gate);
}

/* Looks, again and again, until there is nothing to watch. */
static void watch(struct watcher *watcher)
{
    bool is_used;

    do {
        long pause_us = LOOK_OPEN_US;
        struct timespec pause = {0, 0};

        is_used = false;
        for (uint32_t i = 0; i < pyw_gate_lanes(watcher->gate); i++) {
            is_used |= watch_lane(watcher, i);
            pause_us = watcher->lanes[i].pause_us < pause_us
                           ? watcher->lanes[i].pause_us
                           : pause_us;
        }
        pause.tv_nsec = pause_us * 1000;
        (void)nanosleep(&pause, NULL);
    } while (is_used && !pyw_gate_is_open(watcher->gate) && has_gils(watcher->gate));
}

/* Nobody is held up, and what was learned is forgotten. */
static void forget(struct watcher *watcher)
{
    for (uint32_t i = 0; i < pyw_gate_lanes(watcher->gate); i++) {
        struct pyw_pacing *pacing = &watcher->lanes[i].pacing;

        pyw_pacing_init(pacing, pacing->threads);
        pyw_gate_set_limit(watcher->gate, i, pacing->limit);
        watcher->lanes[i].pause_us = LOOK_US;
        begin_window(&watcher->lanes[i]);
    }
}

static void free_watcher(struct watcher *watcher)
{
    free(watcher->memories);
    free(watcher->lanes);
    free(watcher);
}

static void *run(void *argument)
{
    struct watcher *watcher = argument;

    while (!pyw_gate_is_open(watcher->gate) && has_gils(watcher->gate)) {
        if (!pyw_gate_sleep(watcher->gate, pyw_clock_now_ms() + FORGET_MS)) {
            forget(watcher);
            (void)pyw_gate_sleep(watcher->gate, PYW_CLOCK_NEVER);
        }
        watch(watcher);
    }
    pyw_gate_open(watcher->gate);
    free_watcher(watcher);
    return NULL;
}

static struct watcher *make_watcher(struct pyw_host *host)
{
    struct watcher *made = calloc(1, sizeof(*made));
    uint32_t lanes = pyw_gate_lanes(host->gate);
    uint32_t threads = pyw_gate_threads(host->gate);

    if (made == NULL) {
        return NULL;
    }
    made->host = host;
    made->gate = host->gate;
    made->memories = calloc(threads, sizeof(*made->memories));
    made->lanes = calloc(lanes, sizeof(*made->lanes));
    if (made->memories == NULL || made->lanes == NULL) {
        free_watcher(made);
        return NULL;
    }
    for (uint32_t i = 0; i < lanes; i++) {
        made->lanes[i].pacing.threads = (threads + lanes - 1 - i) / lanes;
    }
    forget(made);
    return made;
}

void pyw_watcher_start(struct pyw_host *host)
{
    struct watcher *watcher;

    if (pyw_gate_threads(host->gate) <= pyw_gate_lanes(host->gate) ||
        !has_gils(host->gate)) {
        return;
    }
    pyw_gate_count(host->gate);
    watcher = make_watcher(host);
    if (watcher != NULL && pyw_thread_start(run, watcher) != 0) {
        free_watcher(watcher);
    }
}
