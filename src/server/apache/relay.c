#include "apache/relay.h"

#include <apr_portable.h>
#include <errno.h>
#include <http_core.h>
#include <http_protocol.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apache/answer.h"
#include "apache/client_body.h"
#include "apache/crash.h"
#include "apache/log.h"
#include "apache/refusal.h"
#include "apache/score.h"
#include "apache/timeout_page.h"
#include "base/clock.h"

/* Body that goes out before the daemon has answered, and is kept in case it refuses. */
#define KEPT_BODY_MAX PYW_FRAME_CHUNK
/* While only the client can move things on, its filters are asked again this often:
 * that is how mod_reqtimeout gets to say that it is too slow. */
#define CLIENT_LOOK_MS 1000
/* HTTP/2 streams have no descriptor of their own to wait on. */
#define STREAM_LOOK_MS 10
/* After a REFUSE or an end before HELLO, until the supervisor has seen that the process
 * drains or has ended. */
#define REFUSED_WAIT_MS 20

struct relay {
    request_rec *r;
    struct pyw_pool *pool;
    const struct pyw_group *group;
    struct pyw_channel *channel;
    struct pyw_request_head *head;
    struct pyw_client_body body;
    struct pyw_answer answer;
    struct pyw_writer
        writer; /* REQUEST and the body kept so far; later scratch for one BODY */
    unsigned char hello[PYW_FRAME_HEADER_LEN + 2 + PYW_FRAME_SECRET_LEN];
    bool has_body;
    bool has_sent_end;          /* BODY_END went out, or there is no body */
    bool is_deaf;               /* the process of this try takes no more */
    bool is_client_slow;        /* the last read of the body had nothing */
    int64_t deadline_ms;        /* for the daemon to move */
    int64_t client_deadline_ms; /* for the client to send body */
    int64_t queue_deadline_ms;  /* for a process to take the request (queue-timeout=) */
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
         (error == -ECONNRESET && !relay->has_body))) {
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

/* The client is expected to go on with its body. */
static void await_client(struct relay *relay)
{
    relay->client_deadline_ms =
        pyw_clock_now_ms() + apr_time_as_msec(relay->r->server->timeout);
}

static void note_progress(struct relay *relay)
{
    relay->deadline_ms = pyw_clock_now_ms() + socket_timeout_ms(relay);
}

/* --- request, towards the daemon --- */

static bool may_read_body(const struct relay *relay)
{
    if (relay->has_sent_end || relay->is_deaf || !relay->answer.wants_body) {
        return false;
    }
    return relay->answer.has_begun || relay->writer.len < KEPT_BODY_MAX;
}

/* The client's body cannot be had: the application is told why, and goes on; if it
 * fails for that, a client that is still there gets the status that says what was
 * wrong. */
static void append_abort(struct relay *relay, int error)
{
    pyw_client_body_log_error(&relay->body);
    relay->answer.wants_body = false;
    relay->answer.reply.error_status = relay->body.status;
    pyw_frame_put_reason(&relay->writer, PYW_FRAME_ABORT,
                         (uint8_t)pyw_client_body_abort_reason(error));
}

/* Puts what the client has sent behind what the writer holds, as one BODY frame, and
 * BODY_END at the end, or ABORT where it has no good end. @return bytes of frames
 * added; 0: nothing there yet. The writer has `failed` when memory is short. */
static size_t append_body(struct relay *relay)
{
    struct pyw_writer *writer = &relay->writer;
    size_t start = writer->len;
    ssize_t got;

    if (!pyw_bytes_reserve(writer, PYW_FRAME_HEADER_LEN * 2 + PYW_FRAME_CHUNK)) {
        return 0;
    }
    (void)pyw_frame_start(writer, PYW_FRAME_BODY, 0);
    got = pyw_client_body_read(&relay->body, (char *)writer->data + writer->len,
                               PYW_FRAME_CHUNK, false);
    if (got > 0) {
        writer->len += (size_t)got;
        pyw_frame_finish(writer, start);
    } else {
        writer->len = start;
    }
    if (relay->body.is_over) {
        pyw_frame_put_empty(writer, PYW_FRAME_BODY_END);
        relay->has_sent_end = true;
    } else if (got < 0 && got != -EAGAIN) {
        append_abort(relay, (int)got);
    }
    return writer->len - start;
}

/* The daemon closed its side: it is sent no more, and what it still has to say is read.
 * Where that is nothing, the next process gets what the writer has kept, and the rest.
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

    while (pyw_outbox_is_empty(outbox) && may_read_body(relay)) {
        struct iovec piece;
        size_t start;
        int rv;

        if (relay->answer.has_begun) {
            pyw_bytes_clear(&relay->writer);
        }
        start = relay->writer.len;
        piece.iov_len = append_body(relay);
        if (relay->writer.failed) {
            return pyw_answer_fail(&relay->answer, HTTP_INTERNAL_SERVER_ERROR);
        }
        relay->is_client_slow = piece.iov_len == 0;
        if (relay->is_client_slow) {
            break;
        }
        await_client(relay);
        piece.iov_base = relay->writer.data + start;
        rv = pyw_outbox_send(outbox, &piece, 1, -1);
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
    struct iovec pieces[2];
    size_t count = 0;
    int rv;

    if (may_read_body(relay)) {
        (void)append_body(relay);
    }
    if (relay->channel->is_new) {
        pack_hello(relay);
        pieces[count++] = (struct iovec){relay->hello, sizeof(relay->hello)};
    }
    pieces[count++] = (struct iovec){relay->writer.data, relay->writer.len};
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

/* The client's socket, or -1 where it has none of its own (HTTP/2 streams). */
static int client_socket(request_rec *r)
{
    apr_socket_t *socket =
        r->connection->master == NULL ? ap_get_conn_socket(r->connection) : NULL;
    apr_os_sock_t fd;

    return socket != NULL && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

static bool awaits_client(const struct relay *relay)
{
    return relay->is_client_slow && may_read_body(relay);
}

static int wait_limit(const struct relay *relay, int client_fd)
{
    int limit = pyw_clock_until(awaits_client(relay) ? relay->client_deadline_ms
                                                     : relay->deadline_ms);
    int look = CLIENT_LOOK_MS;

    if (client_fd < 0 && awaits_client(relay)) {
        look = STREAM_LOOK_MS;
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
    if (awaits_client(relay)) {
        if (pyw_clock_until(relay->client_deadline_ms) > 0) {
            return PYW_STEP_GO_ON;
        }
        pyw_client_body_give_up(&relay->body);
        return PYW_STEP_GO_ON; /* push_body meets the error */
    }
    if (pyw_clock_until(relay->deadline_ms) > 0) {
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
    relay->answer.reply.is_early = !relay->body.is_over;
    step = pyw_answer_take_frames(&relay->answer);
    note_progress(relay);
    if (relay->answer.wants_body && !wanted_body) {
        await_client(relay); /* it has been sent 100 Continue */
    }
    return step;
}

/* Waits for the daemon, and for the client where that can move things on. */
static enum pyw_step wait_and_move(struct relay *relay)
{
    struct pyw_channel *channel = relay->channel;
    struct pollfd fds[2];
    int client_fd = client_socket(relay->r);
    bool is_idle;
    int ready;

    fds[0].fd = channel->fd;
    fds[0].events =
        (short)(POLLIN | (pyw_outbox_is_empty(&channel->outbox) ? 0 : POLLOUT));
    fds[0].revents = 0;
    fds[1].fd = client_fd;
    fds[1].events = awaits_client(relay) ? POLLIN : 0;
    fds[1].revents = 0;
    ready = poll(fds, 2, wait_limit(relay, client_fd));
    if (ready < 0 && errno != EINTR) {
        return pyw_answer_fail(&relay->answer, HTTP_INTERNAL_SERVER_ERROR);
    }
    if (ready == 0) {
        return timed_out(relay);
    }
    if ((fds[0].revents & POLLOUT) != 0) {
        int rv = pyw_outbox_continue(&channel->outbox);

        if (rv == 0 || rv == -EAGAIN) {
            note_progress(relay);
        } else {
            stop_sending(relay);
        }
    }
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        return receive(relay, MSG_DONTWAIT, &is_idle);
    }
    if ((fds[1].revents & (POLLERR | POLLHUP)) != 0 && !awaits_client(relay)) {
        return pyw_answer_client_gone(&relay->answer); /* closing the channel tells */
    }
    return PYW_STEP_GO_ON;
}

/* Nothing left to send and one side to listen to: recv() does the waiting. */
static bool may_just_receive(const struct relay *relay)
{
    return pyw_outbox_is_empty(&relay->channel->outbox) &&
           (relay->has_sent_end || relay->is_deaf || !relay->answer.wants_body);
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
    await_client(relay);
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
    bool is_clean = step == PYW_STEP_DONE && relay->has_sent_end && !relay->is_deaf &&
                    !channel->is_new && relay->answer.keeps_channel &&
                    pyw_inbox_is_empty(&channel->inbox) &&
                    pyw_outbox_is_empty(&channel->outbox);

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

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
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

/* The same for a request that may be one too many. */
static int queue_up(struct relay *relay)
{
    struct pyw_refusal refusal = refusal_of(relay);
    int result;

    if (pyw_pool_enter(relay->pool) != 0) {
        return pyw_refusal_queue_full(&refusal);
    }
    pyw_refusal_catch_up(&refusal);
    relay->answer.queue = relay->pool;
    result = try_patiently(relay);
    pyw_answer_leave_queue(&relay->answer);
    return result;
}

static int run(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
               bool has_body, struct pyw_capture *capture)
{
    struct relay relay = {
        .r = r, .pool = pool, .group = pyw_pool_group(pool), .head = head};
    int result;

    head->queued_us = pyw_clock_epoch_us();
    head->arrival_clock_us = pyw_clock_of_epoch_us(head->arrival_us);
    if (relay.group->setup.options.server_metrics) {
        pyw_score_refresh();
    }
    relay.queue_deadline_ms = queue_deadline_ms(&relay);
    relay.has_body = has_body;
    relay.has_sent_end = !has_body;
    pyw_client_body_init(&relay.body, r, has_body);
    pyw_answer_init(&relay.answer, r, relay.group,
                    (head->flags & PYW_REQUEST_EXPECT) == 0);
    relay.answer.reply.capture = capture;
    pyw_bytes_init(&relay.writer);
    pyw_head_put_request(&relay.writer, head);
    if (relay.writer.failed) {
        PYW_LOG(pyw_log_request, r, HEAD_TOO_LARGE);
        result = HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    } else {
        result = queue_up(&relay);
    }
    pyw_bytes_free(&relay.writer);
    if (result != OK && !relay.body.is_over) {
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
