#include "host/queue.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/frames.h"
#include "host/gate.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/timeouts.h"

/* While all workers are busy that may be. */
#define LOOK_MS 50
/* As a part of the limit, while there is a free one: whatever comes after that was the
 * last is seen before its time is over. */
#define LOOK_PART 4
/* Holds a HELLO and the beginning of a REQUEST. */
#define PEEKED 256
#define MEMORY_CAPACITY ((size_t)PYW_FRAME_CHUNK)

struct pyw_queue {
    struct pyw_frames frames;
    struct pyw_inbox_memory memory;
    int64_t look_ms; /* not before */
};

static struct pyw_queue *make_queue(struct pyw_host *host)
{
    struct pyw_queue *queue = calloc(1, sizeof(*queue));

    if (queue != NULL && pyw_frames_init(&queue->frames, host) != 0) {
        free(queue);
        queue = NULL;
    }
    return queue;
}

void pyw_queue_free(struct pyw_queue *queue)
{
    if (queue != NULL) {
        pyw_frames_free(&queue->frames);
        free(queue->memory.buffer);
        free(queue);
    }
}

/* Of a claimed channel. Where a worker has read a part already, one will read on. */
static bool has_overdue(const struct pyw_channel *channel, int64_t before_us)
{
    unsigned char peeked[PEEKED];
    int64_t arrival_us;
    ssize_t got;

    if (!pyw_inbox_is_empty(&channel->inbox)) {
        return false;
    }
    got = recv(channel->fd, peeked, sizeof(peeked), MSG_PEEK | MSG_DONTWAIT);
    return got > 0 && pyw_head_peek_arrival(peeked, (size_t)got, &arrival_us) &&
           arrival_us < before_us;
}

static void answer(struct pyw_queue *queue, struct pyw_channel *channel,
                   const struct pyw_frame *frame, struct pyw_span payload)
{
    struct pyw_host *host = queue->frames.host;

    if (pyw_frames_parse(&queue->frames, frame, payload) != 0) {
        PYW_LOG(pyw_journal_line, NULL, CHANNEL_PROTOCOL, pyw_frame_name(frame->type));
        return;
    }
    pyw_table_begin_request(host->table, host->setup->slot);
    pyw_frames_begin(&queue->frames, channel);
    (void)pyw_timeouts_cut_queued(channel);
    (void)pyw_frames_finish(&queue->frames);
}

/* @return false: the channel is of no more use. */
static bool take_frame(struct pyw_queue *queue, struct pyw_channel *channel,
                       const struct pyw_frame *frame, struct pyw_span payload)
{
    int rv = pyw_channel_take(channel, frame, payload, queue->frames.host->setup);

    if (rv == 0) {
        answer(queue, channel, frame, payload);
    }
    return rv > 0;
}

/* @return true: the channel is of no more use; false: the request has not come as a
 * whole. */
static bool turn_away(struct pyw_queue *queue, struct pyw_channel *channel)
{
    struct pyw_inbox *inbox = &channel->inbox;
    struct pyw_frame frame = {0};
    struct pyw_span payload;
    int rv = 0;

    while (rv == 0 && pyw_inbox_fill(inbox, MSG_DONTWAIT) > 0) {
        while ((rv = pyw_inbox_next(inbox, &frame, &payload)) > 0) {
            if (!take_frame(queue, channel, &frame, payload)) {
                return true;
            }
        }
    }
    return rv < 0;
}

static void look_into(struct pyw_queue *queue, struct pyw_channel *channel,
                      int64_t before_us)
{
    struct pyw_poller *poller = queue->frames.host->poller;
    bool is_over = false;

    if (!pyw_poller_claim(channel)) {
        return;
    }
    if (has_overdue(channel, before_us) &&
        pyw_inbox_lend(&channel->inbox, &queue->memory, MEMORY_CAPACITY) == 0) {
        pyw_poller_mute(poller, channel); /* what is left makes an event anew */
        is_over = turn_away(queue, channel);
        pyw_inbox_reclaim(&channel->inbox, &queue->memory);
    }
    if (is_over) {
        pyw_poller_close(poller, channel);
    } else {
        pyw_poller_hand_on(poller, channel);
    }
}

static bool is_busy(const struct pyw_host *host)
{
    uint32_t workers = atomic_load(&host->workers);
    uint32_t limit = pyw_gate_limit(host->gate);

    return pyw_table_active(host->table, host->setup->slot) >=
           (limit < workers ? limit : workers);
}

int64_t pyw_queue_enforce(struct pyw_host *host, int64_t now_ms)
{
    int64_t limit_ms = host->setup->options.queue_timeout_s * 1000;
    int64_t before_us = (now_ms - limit_ms) * 1000;

    if (limit_ms == 0 || pyw_host_phase(host) > PYW_PHASE_SERVING) {
        return PYW_CLOCK_NEVER;
    }
    if (!is_busy(host)) {
        return now_ms + limit_ms / LOOK_PART;
    }
    if (host->queue == NULL) {
        host->queue = make_queue(host);
    }
    if (host->queue == NULL) {
        return now_ms + limit_ms; /* a worker looks when it picks up */
    }
    if (now_ms >= host->queue->look_ms) {
        host->queue->look_ms = now_ms + LOOK_MS;
        for (uint32_t i = 0; i < pyw_poller_used(host->poller); i++) {
            look_into(host->queue, pyw_poller_at(host->poller, i), before_us);
        }
    }
    return host->queue->look_ms;
}
