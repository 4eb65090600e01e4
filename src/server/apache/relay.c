#include "apache/relay.h"

#include <errno.h>
#include <http_core.h>
#include <http_protocol.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apache/answer.h"
#include "apache/crash.h"
#include "apache/log.h"
#include "apache/refusal.h"
#include "apache/score.h"
#include "apache/timeout_page.h"
#include "apache/upload.h"
#include "base/clock.h"

/* After a REFUSE or an end before HELLO, until the supervisor has seen that the process
 * drains or has ended. */
#define REFUSED_WAIT_MS 20

struct relay {
    request_rec *r;
    struct pyw_pool *pool;
    const struct pyw_group *group;
    struct pyw_channel *channel;
    struct pyw_request_head *head;
    struct pyw_upload upload;
    struct pyw_answer answer;
    struct pyw_writer writer; /* REQUEST */
    unsigned char hello[PYW_FRAME_HEADER_LEN + 2 + PYW_FRAME_SECRET_LEN];
    bool is_deaf;              /* the process of this try takes no more */
    int64_t deadline_ms;       /* for the daemon to move */
    int64_t queue_deadline_ms; /* for a process to take the request (queue-timeout=) */
};

/* --- outcomes --- */

/* The channel ended without END. */
static enum pyw_step lost(struct relay *relay, int error)
{
    /* No HELLO came, not a byte of it left, or it is one frame that was not read to its
     * end: it cannot have run. */
    if (!relay->answer.has_begun &&
        (relay->channel->is_new ||
         (error == -EPIPE && !relay->channel->outbox.has_begun) ||
         (error == -ECONNRESET && !relay->upload.has_body))) {
        return PYW_STEP_RETRY;
    }
    pyw_crash_report(relay->r, pyw_pool_group(relay->channel->pool),
                     &relay->channel->process);
    return pyw_answer_fail(&relay->answer, HTTP_BAD_GATEWAY);
}

static int64_t socket_timeout_ms(const struct relay *relay)
{
    int64_t own = relay->group->setup.options.socket_timeout_s;

    return own > 0 ? own * 1000 : apr_time_as_msec(relay->r->server->timeout);
}

static void note_progress(struct relay *relay)
{
    relay->deadline_ms = pyw_clock_now_ms() + socket_timeout_ms(relay);
}

/* --- request, towards the daemon --- */

static bool may_send_body(const struct relay *relay)
{
    return !relay->is_deaf && relay->answer.wants_body &&
           pyw_upload_is_open(&relay->upload);
}

/* @return as pyw_upload_next. */
static int next_body(struct relay *relay, struct iovec *pieces)
{
    int count = pyw_upload_next(&relay->upload, pieces);

    if (relay->upload.body.error != 0) {
        /* If the application fails for that, a client that is still there gets the
         * status that says what was wrong. */
        relay->answer.reply.error_status = relay->upload.body.status;
    }
    return count;
}

/* The daemon closed its side: it is sent no more, and what it still has to say is read.
 * Where that is nothing, the next process gets what the upload has kept, and the rest.
 */
static void stop_sending(struct relay *relay)
{
    pyw_outbox_drop(&relay->channel->outbox);
    relay->is_deaf = true;
}

/* Moves body from the client to the daemon until one of them would block. */
static enum pyw_step push_body(struct relay *relay)
{
    struct pyw_outbox *outbox = &relay->channel->outbox;

    while (pyw_outbox_is_empty(outbox) && may_send_body(relay)) {
        struct iovec pieces[PYW_UPLOAD_PIECES];
        int count = next_body(relay, pieces);
        int rv;

        if (count < 0) {
            return pyw_answer_fail(&relay->answer, HTTP_INTERNAL_SERVER_ERROR);
        }
        if (count == 0) {
            break;
        }
        rv = pyw_outbox_send(outbox, pieces, (size_t)count, -1);
        if (rv != 0 && rv != -EAGAIN) {
            stop_sending(relay);
            break;
        }
        note_progress(relay);
    }
    return PYW_STEP_GO_ON;
}

static void pack_hello(struct relay *relay)
{
    struct pyw_hello hello = {.version_low = PYW_FRAME_VERSION,
                              .version_high = PYW_FRAME_VERSION};
    struct pyw_writer writer;

    memcpy(hello.secret, pyw_pool_secret(relay->channel), sizeof(hello.secret));
    pyw_bytes_init(&writer);
    pyw_frame_put_hello(&writer, &hello);
    if (!writer.failed) {
        memcpy(relay->hello, writer.data, sizeof(relay->hello));
    }
    pyw_bytes_free(&writer);
}

/* Sends the head, and what there is of the body, to the channel just acquired. */
static enum pyw_step send_request(struct relay *relay)
{
    struct iovec pieces[2 + PYW_UPLOAD_PIECES];
    size_t count = 0;
    int rv;

    if (relay->channel->is_new) {
        pack_hello(relay);
        pieces[count++] = (struct iovec){relay->hello, sizeof(relay->hello)};
    }
    pieces[count++] = (struct iovec){relay->writer.data, relay->writer.len};
    if (may_send_body(relay)) {
        rv = next_body(relay, pieces + count);
        if (rv < 0) {
            return pyw_answer_fail(&relay->answer, HTTP_INTERNAL_SERVER_ERROR);
        }
        count += (size_t)rv;
    }
    rv = pyw_outbox_send(&relay->channel->outbox, pieces, count, -1);
    if (rv == 0 || rv == -EAGAIN) {
        return PYW_STEP_GO_ON;
    }
    if (!relay->channel->outbox.has_begun) {
        return lost(relay, rv);
    }
    /* Closed in the midst of it: a process that drains has said that it did not run. */
    stop_sending(relay);
    return PYW_STEP_GO_ON;
}

/* --- the loop --- */

static bool awaits_client(const struct relay *relay)
{
    return relay->upload.is_client_slow && may_send_body(relay);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The process may be heard: what it says has room. */
static bool may_receive(const struct relay *relay)
{
    return pyw_outflow_has_room(relay->answer.outflow);
}

static int wait_limit(const struct relay *relay, int client_fd)
{
    int64_t deadline_ms =
        awaits_client(relay) ? relay->upload.deadline_ms : relay->deadline_ms;
    int look = PYW_UPLOAD_LOOK_MS;
    int limit;

    if (!may_receive(relay) && !awaits_client(relay)) {
        deadline_ms = PYW_CLOCK_NEVER;
    }
    limit = pyw_clock_until(
        sooner(deadline_ms, pyw_outflow_deadline_ms(relay->answer.outflow)));
    if (client_fd < 0 && awaits_client(relay)) {
        look = PYW_UPLOAD_STREAM_LOOK_MS;
    }
    if (client_fd >= 0 && !awaits_client(relay)) {
        return limit; /* poll() tells when the client has gone */
    }
    return limit < 0 || limit > look ? look : limit;
}

static enum pyw_step timed_out(struct relay *relay)
{
    if (relay->r->connection->master != NULL && relay->r->connection->aborted) {
        return pyw_answer_client_gone(&relay->answer); /* the stream was reset */
    }
    if (pyw_clock_until(pyw_outflow_deadline_ms(relay->answer.outflow)) == 0) {
        return pyw_answer_client_gone(&relay->answer);
    }
    if (awaits_client(relay)) {
        if (pyw_clock_until(relay->upload.deadline_ms) != 0) {
            return PYW_STEP_GO_ON;
        }
        pyw_client_body_give_up(&relay->upload.body);
        return PYW_STEP_GO_ON; /* push_body meets the error */
    }
    if (!may_receive(relay) || pyw_clock_until(relay->deadline_ms) > 0) {
        return PYW_STEP_GO_ON;
    }
    PYW_LOG(pyw_log_request, relay->r, SOCKET_TIMEOUT, relay->channel->process.pid,
            relay->group->name, (long long)(socket_timeout_ms(relay) / 1000));
    return pyw_answer_fail(&relay->answer, HTTP_GATEWAY_TIME_OUT);
}

/* `is_idle` gets true when nothing came: at once with MSG_DONTWAIT, else after the
 * patience of the channel's socket. */
static enum pyw_step receive(struct relay *relay, int flags, bool *is_idle)
{
    bool wanted_body = relay->answer.wants_body;
    ssize_t got = pyw_inbox_fill(&relay->channel->inbox, flags);
    enum pyw_step step;

    if (got == -EAGAIN) {
        *is_idle = true;
        return PYW_STEP_GO_ON;
    }
    if (got <= 0) {
        return lost(relay, (int)got);
    }
    relay->answer.reply.is_early = !relay->upload.body.is_over;
    step = pyw_answer_take_frames(&relay->answer);
    relay->upload.may_drop = relay->answer.has_begun;
    note_progress(relay);
    if (relay->answer.wants_body && !wanted_body) {
        pyw_upload_await(&relay->upload); /* it has been sent 100 Continue */
    }
    return step;
}

/* The client takes more. */
static enum pyw_step move_outflow(struct relay *relay)
{
    bool was_full = !may_receive(relay);

    if (pyw_outflow_move(relay->answer.outflow) != 0) {
        return pyw_answer_client_gone(&relay->answer);
    }
    if (was_full) {
        note_progress(relay); /* the process had to wait */
    }
    return PYW_STEP_GO_ON;
}

static void continue_sending(struct relay *relay)
{
    int rv = pyw_outbox_continue(&relay->channel->outbox);

    if (rv == 0 || rv == -EAGAIN) {
        note_progress(relay);
    } else {
        stop_sending(relay);
    }
}

static void watch(const struct relay *relay, struct pollfd *channel,
                  struct pollfd *client)
{
    short wanted = 0;

    wanted |= may_receive(relay) ? POLLIN : 0;
    wanted |= pyw_outbox_is_empty(&relay->channel->outbox) ? 0 : POLLOUT;
    /* A channel that wants nothing would only tell of its end, again and again. */
    *channel =
        (struct pollfd){.fd = wanted != 0 ? relay->channel->fd : -1, .events = wanted};
    wanted = 0;
    wanted |= awaits_client(relay) ? POLLIN : 0;
    wanted |= pyw_outflow_is_held(relay->answer.outflow) ? POLLOUT : 0;
    *client = (struct pollfd){.fd = pyw_client_body_socket(relay->r), .events = wanted};
}

/* Waits for the daemon, and for the client where that can move things on. */
static enum pyw_step wait_and_move(struct relay *relay)
{
    struct pollfd fds[2];
    enum pyw_step step = PYW_STEP_GO_ON;
    bool is_idle;
    int ready;

    watch(relay, &fds[0], &fds[1]);
    ready = poll(fds, 2, wait_limit(relay, fds[1].fd));
    if (ready < 0 && errno != EINTR) {
        return pyw_answer_fail(&relay->answer, HTTP_INTERNAL_SERVER_ERROR);
    }
    if (ready == 0) {
        return timed_out(relay);
    }
    if ((fds[0].revents & POLLOUT) != 0) {
        continue_sending(relay);
    }
    if ((fds[1].revents & POLLOUT) != 0) {
        step = move_outflow(relay);
    }
    if (step == PYW_STEP_GO_ON && may_receive(relay) &&
        (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        return receive(relay, MSG_DONTWAIT, &is_idle);
    }
    if (step == PYW_STEP_GO_ON && (fds[1].revents & (POLLERR | POLLHUP)) != 0 &&
        !awaits_client(relay)) {
        return pyw_answer_client_gone(&relay->answer); /* closing the channel tells */
    }
    return step;
}

/* Nothing left to send and one side to listen to: recv() does the waiting. */
static bool may_just_receive(const struct relay *relay)
{
    return pyw_outbox_is_empty(&relay->channel->outbox) && !may_send_body(relay) &&
           !pyw_outflow_is_held(relay->answer.outflow);
}

/* What has been passed on leaves for the client once response-flush-delay= is over
 * without the end of the response; at once where both directions move. @return GO_ON
 * also where more has come. */
static enum pyw_step flush_or_linger(struct relay *relay)
{
    struct pollfd wanted = {.fd = relay->channel->fd, .events = POLLIN};
    int left = pyw_clock_until(relay->answer.flush_at_ms);

    if (left < 0 ||
        (left > 0 && may_just_receive(relay) && poll(&wanted, 1, left) > 0)) {
        return PYW_STEP_GO_ON;
    }
    return pyw_answer_flush(&relay->answer);
}

/* The daemon is all that is waited for; where it is slow, the client is looked at too.
 */
static enum pyw_step receive_or_look(struct relay *relay)
{
    bool is_idle = false;
    enum pyw_step step = receive(relay, 0, &is_idle);

    return is_idle ? wait_and_move(relay) : step;
}

static enum pyw_step exchange(struct relay *relay)
{
    enum pyw_step step = send_request(relay);

    note_progress(relay);
    pyw_upload_await(&relay->upload);
    while (step == PYW_STEP_GO_ON) {
        step = push_body(relay);
        if (step == PYW_STEP_GO_ON) {
            step = flush_or_linger(relay);
        }
        if (step == PYW_STEP_GO_ON && !may_just_receive(relay)) {
            step = wait_and_move(relay);
        } else if (step == PYW_STEP_GO_ON) {
            step = receive_or_look(relay);
        }
    }
    return step;
}

/* --- one try after another --- */

static void give_back(struct relay *relay, enum pyw_step step)
{
    struct pyw_channel *channel = relay->channel;
    bool is_clean =
        step == PYW_STEP_DONE && relay->upload.has_sent_end && !relay->is_deaf &&
        !channel->is_new && relay->answer.keeps_channel &&
        pyw_inbox_is_empty(&channel->inbox) && pyw_outbox_is_empty(&channel->outbox);

    relay->channel = NULL;
    if (is_clean) {
        pyw_pool_release(channel);
    } else {
        pyw_pool_discard(channel);
    }
}

static struct pyw_refusal refusal_of(const struct relay *relay)
{
    return (struct pyw_refusal){relay->r, relay->group,
                                relay->answer.reply.capture != NULL};
}

static int no_process(const struct relay *relay, int error)
{
    struct pyw_refusal refusal = refusal_of(relay);

    return pyw_refusal_no_process(&refusal, error,
                                  pyw_clock_until(relay->queue_deadline_ms) == 0);
}

/* From the request's arrival, on the clock of deadlines. */
static int64_t queue_deadline_ms(const struct relay *relay)
{
    int64_t limit_s = relay->group->setup.options.queue_timeout_s;

    return limit_s > 0 ? relay->head->arrival_clock_us / 1000 + limit_s * 1000
                       : PYW_CLOCK_NEVER;
}

/* The process after this one is told. */
static void count_try(const struct relay *relay)
{
    struct pyw_request_head *head = relay->head;

    head->connects += head->connects < UINT16_MAX ? 1 : 0;
}

static int try_all(struct relay *relay)
{
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_patience patience = {
        .connect_ms =
            sooner(now_ms + relay->group->setup.options.connect_timeout_s * 1000,
                   relay->queue_deadline_ms),
        .start_ms = sooner(now_ms + socket_timeout_ms(relay), relay->queue_deadline_ms),
    };

    do {
        uint32_t seen = pyw_table_seen(relay->group->table);
        enum pyw_step step;
        bool has_greeted;
        int rv = pyw_pool_acquire(relay->pool, &patience, &relay->channel);

        if (rv != 0) {
            return no_process(relay, rv);
        }
        pyw_head_patch_tries(relay->writer.data, relay->head);
        pyw_answer_begin(&relay->answer, relay->channel);
        pyw_upload_rewind(&relay->upload);
        relay->is_deaf = false;
        step = exchange(relay);
        has_greeted = !relay->channel->is_new;
        give_back(relay, step);
        if (step == PYW_STEP_DONE) {
            return relay->answer.result;
        }
        count_try(relay);
        if (relay->answer.is_refused || !has_greeted) {
            pyw_table_wait(relay->group->table, seen, REFUSED_WAIT_MS);
        }
    } while (pyw_clock_until(patience.connect_ms) > 0);
    return no_process(relay, -ETIMEDOUT);
}

/* response-socket-timeout=, for writes to a client that has a socket of its own. */
static apr_interval_time_t response_timeout(const struct relay *relay)
{
    const struct pyw_options *options = &relay->group->setup.options;
    int64_t seconds = options->response_socket_timeout_s > 0
                          ? options->response_socket_timeout_s
                          : options->socket_timeout_s;

    return seconds > 0 ? apr_time_from_sec(seconds) : relay->r->server->timeout;
}

/* Tries all processes with the client's socket set to that. */
static int try_patiently(struct relay *relay)
{
    conn_rec *c = relay->r->connection;
    apr_socket_t *socket = c->master == NULL ? ap_get_conn_socket(c) : NULL;
    apr_interval_time_t wanted = response_timeout(relay);
    apr_interval_time_t before = 0;
    int result;

    if (socket == NULL || apr_socket_timeout_get(socket, &before) != APR_SUCCESS ||
        before == wanted) {
        return try_all(relay);
    }
    (void)apr_socket_timeout_set(socket, wanted);
    result = try_all(relay);
    (void)apr_socket_timeout_set(socket, before);
    return result;
}

/* How much of the body is kept. */
static size_t kept_max(const struct relay *relay)
{
    size_t size = (size_t)relay->group->setup.options.request_buffer_size;

    return size > PYW_SPOOL_MEMORY ? size : PYW_SPOOL_MEMORY;
}

static int ask(struct relay *relay)
{
    struct pyw_request_head *head = relay->head;

    head->queued_us = pyw_clock_epoch_us();
    head->arrival_clock_us = pyw_clock_of_epoch_us(
        relay->upload.has_waited ? head->queued_us : head->arrival_us);
    relay->queue_deadline_ms = queue_deadline_ms(relay);
    pyw_head_put_request(&relay->writer, head);
    if (relay->writer.failed) {
        PYW_LOG(pyw_log_request, relay->r, HEAD_TOO_LARGE);
        return HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    return try_patiently(relay);
}

/* request-buffer-size=: no process is asked before the body is there. One that waits
 * for 100 Continue does not come before the application has the request. */
static bool must_collect(struct relay *relay)
{
    return relay->group->setup.options.request_buffer_size > 0 &&
           relay->upload.has_body && relay->answer.wants_body &&
           !pyw_upload_has_come(&relay->upload);
}

/* For a request that may be one too many. It is in nobody's way while its body
 * comes. */
static int queue_up(struct relay *relay)
{
    struct pyw_refusal refusal = refusal_of(relay);
    bool is_in = pyw_pool_enter(relay->pool) == 0;
    int result;

    if (is_in && must_collect(relay)) {
        pyw_pool_leave(relay->pool);
        result = pyw_upload_collect(&relay->upload);
        if (result != OK) {
            return result;
        }
        is_in = pyw_pool_enter(relay->pool) == 0;
    }
    if (!is_in) {
        return pyw_refusal_queue_full(&refusal);
    }
    pyw_refusal_catch_up(&refusal);
    relay->answer.queue = relay->pool;
    result = ask(relay);
    pyw_answer_leave_queue(&relay->answer);
    return result;
}

static int run(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
               bool has_body, struct pyw_capture *capture)
{
    struct relay relay = {
        .r = r, .pool = pool, .group = pyw_pool_group(pool), .head = head};
    int result;

    if (relay.group->setup.options.server_metrics) {
        pyw_score_refresh();
    }
    pyw_upload_init(&relay.upload, r, has_body, kept_max(&relay));
    pyw_answer_init(&relay.answer, r, relay.group,
                    (head->flags & PYW_REQUEST_EXPECT) == 0);
    relay.answer.reply.capture = capture;
    pyw_bytes_init(&relay.writer);
    result = queue_up(&relay);
    pyw_bytes_free(&relay.writer);
    pyw_upload_free(&relay.upload);
    if (result != OK && !relay.upload.body.is_over) {
        /* Else Apache would wait for the rest of the body before the error page. */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return result;
}

int pyw_relay_run(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
                  bool has_body)
{
    return run(r, pool, head, has_body, NULL);
}

void pyw_relay_ask(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
                   struct pyw_capture *capture)
{
    (void)run(r, pool, head, false, capture);
}
