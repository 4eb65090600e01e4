#include "host/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/frames.h"
#include "host/gate.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/tally.h"
#include "host/timeouts.h"
#include "host/watcher.h"
#include "python/interpreter.h"
#include "python/loader.h"
#include "wsgi/serve.h"

/* Room for a request and the body that a child sends ahead. One per thread, not per
 * channel. */
#define MEMORY_CAPACITY (2 * ((size_t)PYW_FRAME_CHUNK + PYW_FRAME_HEADER_LEN) + 16384)
/* musl gives a thread 128 KiB: too little for Python. */
#define STACK_AT_LEAST ((size_t)1024 * 1024)
#define STACK_OTHERWISE ((size_t)8 * 1024 * 1024)

struct worker {
    struct pyw_host *host;
    uint32_t index; /* at the gate */
    unsigned lane;  /* which of the interpreters it enters (python/interpreter) */
    struct pyw_frames frames;
    struct pyw_inbox_memory memory;
};

static void begin(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_host *host = worker->host;
    int64_t limit = host->limits.requests;

    pyw_table_begin_request(host->table, host->setup->slot);
    pyw_frames_begin(&worker->frames, channel);
    if (limit > 0 && atomic_fetch_add(&host->begun, 1) + 1 == (uint64_t)limit) {
        pyw_host_ask_handover(host, PYW_REASON_REQUESTS);
    }
}

static bool has_waited_too_long(const struct worker *worker)
{
    int64_t limit_s = worker->host->setup->options.queue_timeout_s;

    return limit_s > 0 && worker->frames.head.arrival_clock_us <
                              pyw_clock_now_us() - limit_s * 1000000;
}

/* Answers 504 without running the request that was parsed. @return as `serve`. */
static bool turn_away(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_host *host = worker->host;
    struct pyw_exchange *exchange = &worker->frames.exchange;

    pyw_table_begin_request(host->table, host->setup->slot);
    pyw_frames_begin(&worker->frames, channel);
    pyw_timeouts_log_queued(&worker->frames);
    exchange->ops->end(exchange, PYW_OUTCOME_TIMEOUT);
    return pyw_frames_finish(&worker->frames);
}

/* Serves the request that was parsed. @return false: close the channel. */
static bool serve(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_host *host = worker->host;
    struct pyw_frames *frames = &worker->frames;
    bool may_go_on;

    begin(worker, channel);
    if (!pyw_intake_has_all(&frames->intake)) {
        /* The child may send more from now on, and every bit of it would wake another
         * worker. */
        pyw_poller_mute(host->poller, channel);
        pthread_mutex_lock(&channel->lock);
        pyw_tally_answer(host, channel, false); /* by ADMIT */
        pthread_mutex_unlock(&channel->lock);
        may_go_on = pyw_channel_admit(channel) == 0;
        frames->is_lost = !may_go_on;
    }
    pyw_serve_run(&frames->exchange);
    return pyw_frames_finish(frames);
}

static bool refuse(struct pyw_channel *channel, enum pyw_refuse reason)
{
    (void)pyw_channel_refuse(channel, reason);
    return false;
}

/* @return false: close the channel. */
static bool take_request(struct worker *worker, struct pyw_channel *channel,
                         const struct pyw_frame *frame, struct pyw_span payload)
{
    if (pyw_frames_parse(&worker->frames, frame, payload) != 0) {
        PYW_LOG(pyw_journal_line, NULL, CHANNEL_PROTOCOL, pyw_frame_name(frame->type));
        return false;
    }
    if (!pyw_host_may_begin(worker->host)) {
        return refuse(channel, PYW_REFUSE_DRAINING);
    }
    if (pyw_loader_finds_change(&worker->frames.head)) {
        pyw_host_wish(worker->host, PYW_REASON_SCRIPT);
    }
    if (has_waited_too_long(worker)) {
        return turn_away(worker, channel);
    }
    return serve(worker, channel);
}

/* One frame outside of a request. @return false: close the channel. */
static bool take_frame(struct worker *worker, struct pyw_channel *channel,
                       const struct pyw_frame *frame, struct pyw_span payload)
{
    int rv = pyw_channel_take(channel, frame, payload, worker->host->setup);

    return rv == 0 ? take_request(worker, channel, frame, payload) : rv > 0;
}

/* Serves the frames that are whole. @return false: close the channel. */
static bool take_frames(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_frame frame = {0};
    struct pyw_span payload;
    int rv;

    while ((rv = pyw_inbox_next(&channel->inbox, &frame, &payload)) > 0) {
        if (!take_frame(worker, channel, &frame, payload)) {
            return false;
        }
    }
    if (rv < 0) {
        PYW_LOG(pyw_journal_line, NULL, CHANNEL_PROTOCOL, pyw_frame_name(frame.type));
    }
    return rv == 0;
}

/* Reads what there is, and serves. @return false: close the channel. */
static bool attend(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_inbox *inbox = &channel->inbox;
    bool is_drained;

    if (pyw_inbox_lend(inbox, &worker->memory, MEMORY_CAPACITY) != 0) {
        return false;
    }
    do {
        ssize_t got = pyw_inbox_fill(inbox, MSG_DONTWAIT);

        if (got <= 0) {
            return got == -EAGAIN;
        }
        /* What is left in the socket makes no event of its own; with room left over
         * nothing is. */
        is_drained = inbox->end < inbox->capacity && !atomic_load(&channel->is_ending);
        if (!take_frames(worker, channel)) {
            return false;
        }
    } while (!is_drained || !pyw_inbox_is_empty(inbox));
    return true;
}

/* Serves a claimed channel until nothing more is there. */
static void work(struct worker *worker, struct pyw_channel *channel)
{
    struct pyw_poller *poller = worker->host->poller;
    bool is_open;

    do {
        is_open = attend(worker, channel);
        pyw_inbox_reclaim(&channel->inbox, &worker->memory);
    } while (is_open && !pyw_poller_release(poller, channel));
    if (!is_open) {
        pyw_poller_close(poller, channel);
    }
    /* After the release: either the monitor finds the channel idle, or it is made to
     * look again. */
    if (!pyw_host_is_serving(worker->host)) {
        pyw_host_wake(worker->host);
    }
}

static void free_worker(struct worker *worker)
{
    pyw_frames_free(&worker->frames);
    free(worker->memory.buffer);
    free(worker);
}

/* @return NULL: the worker is to leave. */
static struct pyw_channel *find_work(const struct worker *worker)
{
    struct pyw_gate *gate = worker->host->gate;
    struct pyw_channel *channel;

    pyw_gate_pass(gate, worker->index);
    channel = pyw_poller_next(worker->host->poller);
    if (channel != NULL) {
        pyw_gate_take(gate, worker->index);
    }
    return channel;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct pyw_host *host = worker->host;
    struct pyw_channel *channel;

    if (pyw_frames_init(&worker->frames, host) != 0) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_START, "out of memory");
        _exit(1); /* at start-up, before anything is served */
    }
    pyw_interpreter_take_lane(worker->lane);
    pyw_gate_join(host->gate, worker->index);
    while ((channel = find_work(worker)) != NULL) {
        work(worker, channel);
        pyw_gate_done(host->gate, worker->index);
    }
    pyw_serve_leave_thread();
    free_worker(worker);
    atomic_fetch_sub(&host->workers, 1);
    pyw_host_wake(host);
    return NULL;
}

static int start_one(struct pyw_host *host, uint32_t index,
                     const pthread_attr_t *attributes)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    pthread_t thread;
    int rv;

    if (worker == NULL) {
        return -ENOMEM;
    }
    worker->host = host;
    worker->index = index;
    worker->lane = index % pyw_interpreter_lanes();
    atomic_fetch_add(&host->workers, 1);
    rv = -pthread_create(&thread, attributes, run, worker);
    if (rv != 0) {
        atomic_fetch_sub(&host->workers, 1);
        free(worker);
    }
    return rv;
}

int pyw_worker_set_stack(pthread_attr_t *attributes, const struct pyw_options *options)
{
    int64_t wanted = options->stack_size;
    size_t size = 0;

    (void)pthread_attr_getstacksize(attributes, &size);
    if (wanted > 0) {
        size = (size_t)wanted;
    } else if (size < STACK_AT_LEAST) {
        size = STACK_OTHERWISE;
    }
    return -pthread_attr_setstacksize(attributes, size);
}

int pyw_worker_start_all(struct pyw_host *host)
{
    const struct pyw_options *options = &host->setup->options;
    pthread_attr_t attributes;
    int rv = -pthread_attr_init(&attributes);

    if (rv != 0) {
        return rv;
    }
    rv = pyw_worker_set_stack(&attributes, options);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pyw_watcher_start(host);
    for (int64_t i = 0; i < options->threads && rv == 0; i++) {
        rv = start_one(host, (uint32_t)i, &attributes);
    }
    pthread_attr_destroy(&attributes);
    return rv;
}
