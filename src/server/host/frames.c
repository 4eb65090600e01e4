#include "host/frames.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/tally.h"

/* How often a worker that sends looks for an ABORT. */
#define LOOK_EVERY_MS 20
/* The largest last piece that is copied in order to leave with END. */
#define HOLD_MAX ((size_t)PYW_FRAME_CHUNK)
#define CUT_TEXT_MAX 2048

static const struct pyw_exchange_ops operations;

static struct pyw_frames *from_exchange(struct pyw_exchange *x)
{
    return (struct pyw_frames *)(void *)x; /* its first member */
}

int pyw_frames_init(struct pyw_frames *frames, struct pyw_host *host)
{
    memset(frames, 0, sizeof(*frames));
    frames->host = host;
    frames->thread = (unsigned long)pthread_self();
    frames->exchange.ops = &operations;
    frames->exchange.head = &frames->head;
    frames->cpu_us = pyw_clock_cpu_us(); /* of this thread */
    pyw_bytes_init(&frames->stored);
    pyw_bytes_init(&frames->out);
    frames->pairs = malloc(PYW_HEAD_MAX_PAIRS * sizeof(*frames->pairs));
    return frames->pairs != NULL ? 0 : -ENOMEM;
}

void pyw_frames_free(struct pyw_frames *frames)
{
    pyw_bytes_free(&frames->stored);
    pyw_bytes_free(&frames->out);
    free(frames->pairs);
    frames->pairs = NULL;
}

int pyw_frames_parse(struct pyw_frames *frames, const struct pyw_frame *frame,
                     struct pyw_span payload)
{
    /* Copied, because receiving a body moves what is in the inbox. */
    pyw_bytes_clear(&frames->stored);
    pyw_bytes_put(&frames->stored, payload.data, payload.len);
    if (frames->stored.failed) {
        return -ENOMEM;
    }
    payload.data = (const char *)frames->stored.data;
    return pyw_head_get_request(payload, frame->flags, frames->pairs,
                                PYW_HEAD_MAX_PAIRS, &frames->head);
}

void pyw_frames_begin(struct pyw_frames *frames, struct pyw_channel *channel)
{
    int64_t timeout_s = frames->host->setup->options.request_timeout_s;

    frames->channel = channel;
    pyw_intake_begin(&frames->intake, channel,
                     (frames->head.flags & PYW_REQUEST_HAS_BODY) != 0);
    frames->awaits_continue = (frames->head.flags & PYW_REQUEST_EXPECT) != 0;
    frames->unsent = PYW_SPAN("");
    frames->is_last = false;
    frames->is_held = false;
    frames->has_ended = false;
    frames->is_lost = false;
    frames->error = 0;
    frames->written = 0;
    frames->begun_us = pyw_clock_now_us();
    frames->looked_ms = frames->begun_us / 1000;
    pthread_mutex_lock(&channel->lock);
    channel->shared.running = frames;
    channel->shared.is_amid = false;
    channel->shared.is_over = false;
    channel->shared.is_cut = false;
    frames->is_interrupted = false;
    atomic_store(&frames->exchange.is_interrupt_wanted, false);
    pthread_mutex_unlock(&channel->lock);
    pyw_host_note_activity(frames->host, frames->head.flags);
    if (timeout_s > 0) {
        atomic_store(&channel->deadline_ms, frames->begun_us / 1000 + timeout_s * 1000);
    }
}

/* --- sending --- */

static int lose(struct pyw_frames *frames, int error)
{
    frames->is_lost = true;
    frames->error = error == -ECONNRESET || error == -EBADF ? -EPIPE : error;
    return frames->error;
}

/* Gives pieces to the outbox, or with none lets it go on, unless the request was cut.
 * @return 0; -EAGAIN; -errno, final. */
static int push(struct pyw_frames *frames, const struct iovec *pieces, size_t count,
                int file)
{
    struct pyw_channel *channel = frames->channel;
    int rv;

    pthread_mutex_lock(&channel->lock);
    if (channel->shared.is_cut) {
        rv = -ECANCELED;
    } else {
        pyw_tally_answer(frames->host, channel, frames->has_ended);
        rv = count > 0 ? pyw_outbox_send(&channel->outbox, pieces, count, file)
                       : pyw_outbox_continue(&channel->outbox);
        channel->shared.is_amid = rv == -EAGAIN;
    }
    pthread_mutex_unlock(&channel->lock);
    pyw_host_note_activity(frames->host, frames->head.flags);
    return rv != 0 && rv != -EAGAIN ? lose(frames, rv) : rv;
}

/* Takes note of a client that has gone. What has begun to leave is finished all the
 * same: the child still reads, and END must fit behind. */
static void heed_intake(struct pyw_frames *frames)
{
    if (frames->intake.is_gone && frames->error == 0) {
        frames->error = -EPIPE;
    }
}

static void look(struct pyw_frames *frames)
{
    pyw_intake_look(&frames->intake);
    heed_intake(frames);
}

/* Waits until the socket takes more; meanwhile an ABORT is noticed. */
static int wait_for_room(struct pyw_frames *frames)
{
    struct pollfd wanted = {.fd = frames->channel->fd, .events = POLLOUT};

    if (pyw_intake_may_look(&frames->intake)) {
        wanted.events |= POLLIN;
    }
    if (poll(&wanted, 1, -1) < 0 && errno != EINTR) {
        return lose(frames, -errno);
    }
    if ((wanted.revents & POLLIN) != 0) {
        look(frames);
    }
    return 0;
}

/* Waits until the outbox is empty. */
static int push_on(struct pyw_frames *frames)
{
    int rv;

    do {
        rv = wait_for_room(frames);
        if (rv == 0) {
            rv = push(frames, NULL, 0, -1);
        }
    } while (rv == -EAGAIN);
    return rv;
}

/* Sends what `out` holds, with `file` beside it. Blocks. */
static int push_out(struct pyw_frames *frames, int file)
{
    struct iovec piece = {frames->out.data, frames->out.len};
    int rv;

    if (frames->out.failed) {
        return lose(frames, -ENOMEM);
    }
    rv = push(frames, &piece, 1, file);
    return rv == -EAGAIN ? push_on(frames) : rv;
}

static void put_end(struct pyw_frames *frames, enum pyw_outcome outcome)
{
    int64_t cpu_us = pyw_clock_cpu_us();
    struct pyw_end end = {
        .outcome = (uint8_t)outcome,
        .wall_us = (uint64_t)(pyw_clock_now_us() - frames->begun_us),
        .cpu_us = (uint64_t)(cpu_us - frames->cpu_us),
        .body_written = frames->written,
    };

    frames->cpu_us = cpu_us;
    frames->has_ended = true;
    pyw_frame_put_end(&frames->out, &end);
    /* Before the child can know that it is over, so that its next choice of a process
     * is right. */
    pyw_table_end_request(frames->host->table, frames->host->setup->slot);
}

/* Sends what `out` holds, then as much of `unsent` as goes into one call, then END if
 * that is all. */
static int push_batch(struct pyw_frames *frames)
{
    struct iovec pieces[PYW_OUTBOX_PIECES];
    size_t head_len = frames->out.len;
    size_t count = 1; /* pieces[0] is the head, set once `out` grows no more */

    for (size_t i = 0; i < PYW_FRAMES_AT_ONCE && frames->unsent.len > 0; i++) {
        size_t len =
            frames->unsent.len < PYW_FRAME_CHUNK ? frames->unsent.len : PYW_FRAME_CHUNK;

        pyw_frame_pack(frames->headers[i], PYW_FRAME_DATA, 0, len);
        pieces[count++] = (struct iovec){frames->headers[i], PYW_FRAME_HEADER_LEN};
        pieces[count++] = (struct iovec){(void *)(uintptr_t)frames->unsent.data, len};
        frames->unsent.data += len;
        frames->unsent.len -= len;
    }
    if (frames->is_last && frames->unsent.len == 0) {
        put_end(frames, PYW_OUTCOME_OK);
        pieces[count++] =
            (struct iovec){frames->out.data + head_len, frames->out.len - head_len};
    }
    if (frames->out.failed) {
        return lose(frames, -ENOMEM);
    }
    pieces[0] = (struct iovec){frames->out.data, head_len};
    return push(frames, pieces, count, -1);
}

/* Batch after batch. @return 0: all is sent; -EAGAIN; -errno. */
static int push_rest(struct pyw_frames *frames)
{
    int rv;

    do {
        rv = push_batch(frames);
        pyw_bytes_clear(
            &frames->out); /* its bytes stay where they are until the outbox is empty */
    } while (rv == 0 && frames->unsent.len > 0);
    return rv;
}

/* Starts a piece of the response with its head, if any. */
static int open_piece(struct pyw_frames *frames, const struct pyw_reply_head *head)
{
    int64_t now_ms = pyw_clock_now_ms();

    if (frames->has_ended || frames->is_held) {
        return -ECANCELED;
    }
    if (now_ms - frames->looked_ms >= LOOK_EVERY_MS) {
        frames->looked_ms = now_ms;
        look(frames);
    }
    heed_intake(frames);
    if (frames->error != 0) {
        return frames->error;
    }
    pyw_bytes_clear(&frames->out);
    if (head != NULL) {
        pyw_head_put_reply(&frames->out, PYW_FRAME_HEAD, head);
        if (frames->out.failed) {
            frames->error = -E2BIG;
            return -E2BIG;
        }
    }
    return 0;
}

/* Copies a small last piece behind its head. */
static int hold(struct pyw_frames *frames, struct pyw_span body)
{
    unsigned char header[PYW_FRAME_HEADER_LEN];

    if (body.len > 0) {
        pyw_frame_pack(header, PYW_FRAME_DATA, 0, body.len);
        pyw_bytes_put(&frames->out, header, sizeof(header));
        pyw_bytes_put(&frames->out, body.data, body.len);
    }
    if (frames->out.failed) {
        return lose(frames, -ENOMEM);
    }
    frames->is_held = true;
    return 0;
}

static int start_send(struct pyw_exchange *x, const struct pyw_part *part)
{
    struct pyw_frames *frames = from_exchange(x);
    int rv = open_piece(frames, part->head);

    if (rv != 0) {
        return rv;
    }
    frames->written += part->body.len;
    if (part->is_last && part->body.len <= HOLD_MAX) {
        return hold(frames, part->body);
    }
    frames->unsent = part->body;
    frames->is_last = part->is_last;
    if (frames->out.len == 0 && part->body.len == 0 && !part->is_last) {
        return 0;
    }
    return push_rest(frames);
}

static int finish_send(struct pyw_exchange *x)
{
    struct pyw_frames *frames = from_exchange(x);
    int rv;

    do {
        rv = push_on(frames);
        if (rv == 0 && frames->unsent.len > 0) {
            rv = frames->error != 0 ? frames->error : push_rest(frames);
        }
    } while (rv == -EAGAIN);
    return rv != 0 ? rv : frames->error;
}

static int send_file(struct pyw_exchange *x, const struct pyw_file_part *file)
{
    struct pyw_frames *frames = from_exchange(x);
    struct pyw_file_range range = {file->offset, file->length};
    int rv = open_piece(frames, file->head);

    if (rv != 0) {
        return rv;
    }
    if (file->length > 0) {
        frames->written += file->length;
        pyw_frame_put_file(&frames->out, &range);
    }
    if (frames->out.len == 0) {
        return 0;
    }
    return push_out(frames, file->length > 0 ? file->fd : -1);
}

static int flush(struct pyw_exchange *x)
{
    return from_exchange(x)->error; /* nothing is ever held back */
}

/* --- receiving --- */

static int inform(struct pyw_exchange *x, const struct pyw_reply_head *head)
{
    struct pyw_frames *frames = from_exchange(x);

    if (frames->error != 0 || frames->has_ended || frames->is_held) {
        return frames->error != 0 ? frames->error : -ECANCELED;
    }
    pyw_bytes_clear(&frames->out);
    pyw_head_put_reply(&frames->out, PYW_FRAME_INFORM, head);
    return frames->out.failed ? -E2BIG : push_out(frames, -1);
}

static int send_continue(struct pyw_frames *frames)
{
    struct pyw_reply_head head = {
        .status = 100, .reason = PYW_SPAN(""), .content_length = -1};

    frames->awaits_continue = false;
    return inform(&frames->exchange, &head);
}

static bool is_cut(struct pyw_frames *frames)
{
    bool cut;

    pthread_mutex_lock(&frames->channel->lock);
    cut = frames->channel->shared.is_cut;
    pthread_mutex_unlock(&frames->channel->lock);
    return cut;
}

/* Why no body comes any more: 0 at its end. */
static ssize_t end_of_body(struct pyw_frames *frames)
{
    if (frames->intake.error == 0) {
        return 0;
    }
    /* The monitor wakes a worker that it cuts by shutting the socket: that looks like a
     * lost child. */
    return is_cut(frames) ? -ECANCELED : frames->intake.error;
}

/* Receives once more. @return 0; -EAGAIN: would have to wait; -errno. */
static int receive_more(struct pyw_frames *frames, bool may_block)
{
    bool is_first_wait = frames->awaits_continue;
    int rv = pyw_intake_receive(&frames->intake, may_block && !is_first_wait);

    if (rv != -EAGAIN || !may_block) {
        return rv;
    }
    rv = send_continue(frames);
    return rv != 0 ? rv : pyw_intake_receive(&frames->intake, true);
}

static ssize_t read_body(struct pyw_exchange *x, void *buffer, size_t len,
                         bool may_block)
{
    struct pyw_frames *frames = from_exchange(x);

    if (frames->has_ended) {
        return -ECANCELED;
    }
    for (;;) {
        size_t got = pyw_intake_take(&frames->intake, buffer, len);
        int rv;

        if (got > 0 || len == 0) {
            pyw_host_note_activity(frames->host, frames->head.flags);
            return (ssize_t)got;
        }
        if (pyw_intake_is_over(&frames->intake)) {
            return end_of_body(frames);
        }
        rv = receive_more(frames, may_block);
        if (rv != 0) {
            return rv;
        }
    }
}

static bool is_aborted(struct pyw_exchange *x)
{
    struct pyw_frames *frames = from_exchange(x);
    int64_t now_ms;

    heed_intake(frames);
    if (frames->error != 0 || frames->has_ended) {
        return true;
    }
    now_ms = pyw_clock_now_ms();
    if (pyw_poller_is_marked(frames->channel) ||
        now_ms - frames->looked_ms >= LOOK_EVERY_MS) {
        frames->looked_ms = now_ms;
        look(frames);
    }
    return frames->error != 0;
}

/* --- log and end --- */

static void log_entry(struct pyw_exchange *x, enum pyw_level level, const char *text,
                      size_t len)
{
    struct pyw_frames *frames = from_exchange(x);
    int rv = -EPIPE;

    if (!frames->is_lost && !frames->has_ended) {
        if (!frames->is_held) {
            pyw_bytes_clear(&frames->out);
        }
        pyw_frame_put_log(&frames->out, level, text, len);
        rv = push_out(frames, -1);
        pyw_bytes_clear(&frames->out);
    }
    if (rv != 0) {
        pyw_journal_text(level, text, len);
    }
}

static void end_exchange(struct pyw_exchange *x, enum pyw_outcome outcome)
{
    struct pyw_frames *frames = from_exchange(x);

    if (frames->has_ended) {
        return;
    }
    if (!frames->is_held) {
        pyw_bytes_clear(&frames->out);
    }
    put_end(frames, outcome);
    if (!frames->is_lost) {
        (void)push_out(frames, -1);
    }
}

bool pyw_frames_finish(struct pyw_frames *frames)
{
    struct pyw_channel *channel = frames->channel;
    bool was_cut;

    end_exchange(&frames->exchange, PYW_OUTCOME_ERROR); /* it has, but for a defect */
    atomic_store(&channel->deadline_ms, PYW_CLOCK_NEVER);
    pthread_mutex_lock(&channel->lock);
    was_cut = channel->shared.is_cut;
    channel->shared.running = NULL;
    pyw_tally_finish(frames->host, channel);
    pthread_mutex_unlock(&channel->lock);
    frames->channel = NULL;
    if (was_cut) {
        atomic_fetch_sub(&frames->host->stuck, 1);
        pyw_host_wake(frames->host);
    }
    /* Without BODY_END the child closes after END; one that is on its way is waited
     * for. */
    channel->stage = frames->intake.is_body_done ? PYW_STAGE_REQUEST : PYW_STAGE_SKIP;
    return !was_cut && !frames->is_lost && !frames->intake.is_lost &&
           (frames->intake.is_body_done || !frames->intake.is_aborted);
}

/* The last frames of a request that is cut, as far as the socket takes them without
 * waiting.
 * @return false: nothing was sent, and the channel's end has to say it. */
static bool send_last_words(struct pyw_channel *channel, enum pyw_outcome outcome,
                            const char *text, size_t len)
{
    struct pyw_end end = {
        .outcome = (uint8_t)outcome,
        .wall_us = (uint64_t)(pyw_clock_now_us() - channel->shared.running->begun_us),
    };
    struct pyw_outbox outbox;
    struct pyw_writer writer;
    struct iovec piece;
    bool is_sent = false;

    if (channel->shared.is_amid) {
        return false; /* nothing fits into the middle of a frame */
    }
    pyw_bytes_init(&writer);
    pyw_frame_put_log(&writer, PYW_LEVEL_ERR, text, len);
    pyw_frame_put_end(&writer, &end);
    pyw_outbox_init(&outbox, channel->fd);
    piece = (struct iovec){writer.data, writer.len};
    is_sent = !writer.failed && pyw_outbox_send(&outbox, &piece, 1, -1) == 0;
    pyw_bytes_free(&writer);
    return is_sent;
}

static bool may_cut(const struct pyw_channel *channel, const struct pyw_cut *cut)
{
    return channel->shared.running != NULL && !channel->shared.is_cut &&
           channel->shared.running->begun_us <= cut->begun_before_us;
}

bool pyw_frames_cut(struct pyw_channel *channel, const struct pyw_cut *cut)
{
    char text[CUT_TEXT_MAX];
    size_t len = 0;
    bool is_done = false;

    pthread_mutex_lock(&channel->lock);
    if (may_cut(channel, cut)) {
        is_done = true;
        channel->shared.is_cut = true;
        pyw_tally_cut(channel->shared.running->host, channel);
        len = cut->describe(channel->shared.running, text, sizeof(text));
        if (channel->shared.is_over ||
            send_last_words(channel, cut->outcome, text, len)) {
            len = 0;
        }
        /* Wakes a worker that waits on the socket; what was sent still arrives. */
        (void)shutdown(channel->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&channel->lock);
    /* Without the lock: a worker that has the GIL may be waiting for it. */
    pyw_journal_text(PYW_LEVEL_ERR, text, len);
    return is_done;
}

bool pyw_frames_interrupt(struct pyw_channel *channel, int64_t begun_before_us,
                          int64_t deadline_ms)
{
    struct pyw_frames *running;
    bool is_done = false;

    pthread_mutex_lock(&channel->lock);
    running = channel->shared.running;
    if (running != NULL && !channel->shared.is_cut && !running->is_interrupted &&
        running->begun_us <= begun_before_us) {
        is_done = true;
        running->is_interrupted = true;
        atomic_store(&running->exchange.is_interrupt_wanted, true);
        atomic_store(&channel->deadline_ms, deadline_ms);
    }
    pthread_mutex_unlock(&channel->lock);
    return is_done;
}

static const struct pyw_exchange_ops operations = {
    .read_body = read_body,
    .inform = inform,
    .send = start_send,
    .finish_send = finish_send,
    .send_file = send_file,
    .flush = flush,
    .log = log_entry,
    .is_aborted = is_aborted,
    .end = end_exchange,
};
