#include "apache/relay.h"

#include <apr_portable.h>
#include <errno.h>
#include <http_core.h>
#include <http_protocol.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apache/client_body.h"
#include "apache/crash.h"
#include "apache/log.h"
#include "apache/reply.h"
#include "base/clock.h"

/* Body that goes out before the daemon has answered, and is kept in case it refuses. */
#define KEPT_BODY_MAX PYW_FRAME_CHUNK
/* While only the client can move things on, its filters are asked again this often:
 * that is how mod_reqtimeout gets to say that it is too slow. */
#define CLIENT_LOOK_MS 1000
/* HTTP/2 streams have no descriptor of their own to wait on. */
#define STREAM_LOOK_MS 10
/* One more try than a group can have processes draining at once; more would be a loop.
 */
#define TRIES_MAX 64
/* After a REFUSE, until the supervisor has seen that the process drains. */
#define REFUSED_WAIT_MS 20

/* What a step of the exchange came to. */
enum step {
    STEP_GO_ON,
    STEP_DONE,  /* `result` is what the handler returns */
    STEP_RETRY, /* nothing has run: another process may serve it */
};

struct relay {
    request_rec *r;
    struct pyw_pool *pool;
    const struct pyw_group *group;
    struct pyw_channel *channel;
    struct pyw_request_head *head;
    struct pyw_client_body body;
    struct pyw_reply reply;
    struct pyw_writer
        writer; /* REQUEST and the body kept so far; later scratch for one BODY */
    unsigned char hello[PYW_FRAME_HEADER_LEN + 2 + PYW_FRAME_SECRET_LEN];
    bool wants_body;            /* the client may be asked for body (100 Continue) */
    bool has_sent_end;          /* BODY_END went out, or there is no body */
    bool is_answered;           /* a frame came back: nothing is kept any more */
    bool is_client_slow;        /* the last read of the body had nothing */
    bool is_reusable;           /* END came, and the daemon keeps the channel open */
    int64_t deadline_ms;        /* for the daemon to move */
    int64_t client_deadline_ms; /* for the client to send body */
    int result;
};

/* --- outcomes
 * -------------------------------------------------------------------------------- */

static enum step done(struct relay *relay, int result)
{
    relay->result = result;
    return STEP_DONE;
}

static enum step fail(struct relay *relay, int status)
{
    return done(relay, pyw_reply_fail(&relay->reply, status));
}

static enum step client_gone(struct relay *relay)
{
    return done(relay, pyw_reply_end(&relay->reply, PYW_OUTCOME_GONE));
}

/* The daemon broke the protocol: nothing that it says further can be believed. */
static enum step broken(struct relay *relay, const char *why)
{
    PYW_LOG(pyw_log_request, relay->r, PROTOCOL_BROKEN, relay->channel->process.pid,
            relay->group->name, why);
    return fail(relay, HTTP_BAD_GATEWAY);
}

/* The channel ended without END. */
static enum step lost(struct relay *relay, int error)
{
    /* Reset before a byte of a bodyless request was read: it cannot have run. */
    if (!relay->is_answered &&
        (error == -EPIPE || (error == -ECONNRESET && relay->has_sent_end))) {
        return STEP_RETRY;
    }
    pyw_crash_report(relay->r, relay->group, &relay->channel->process);
    return fail(relay, HTTP_BAD_GATEWAY);
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

/* --- request, towards the daemon
 * ------------------------------------------------------------- */

static bool may_read_body(const struct relay *relay)
{
    if (relay->has_sent_end || !relay->wants_body) {
        return false;
    }
    return relay->is_answered || relay->writer.len < KEPT_BODY_MAX;
}

/* Puts what the client has sent behind what the writer holds, as one BODY frame, and
 * BODY_END at the end.
 * @return bytes of frames added; 0: nothing there yet; -errno of the client. */
static ssize_t append_body(struct relay *relay)
{
    struct pyw_writer *writer = &relay->writer;
    size_t start = writer->len;
    ssize_t got;

    if (!pyw_bytes_reserve(writer, PYW_FRAME_HEADER_LEN * 2 + PYW_FRAME_CHUNK)) {
        return -ENOMEM;
    }
    (void)pyw_frame_start(writer, PYW_FRAME_BODY, 0);
    got = pyw_client_body_read(&relay->body, (char *)writer->data + writer->len,
                               PYW_FRAME_CHUNK, false);
    if (got <= 0) {
        writer->len = start;
    } else {
        writer->len += (size_t)got;
        pyw_frame_finish(writer, start);
    }
    if (got < 0 && got != -EAGAIN) {
        return got;
    }
    if (relay->body.is_over) {
        pyw_frame_put_empty(writer, PYW_FRAME_BODY_END);
        relay->has_sent_end = true;
    }
    return (ssize_t)(writer->len - start);
}

/* The client's body cannot be had: the application is told why, and so is the client if
 * it is still there. */
static enum step body_failed(struct relay *relay, int error)
{
    struct pyw_writer notice;

    pyw_bytes_init(&notice);
    pyw_frame_put_reason(&notice, PYW_FRAME_ABORT,
                         (uint8_t)pyw_client_body_abort_reason(error));
    if (!notice.failed && pyw_outbox_is_empty(&relay->channel->outbox)) {
        /* Best effort: closing the channel tells the application the rest. */
        (void)send(relay->channel->fd, notice.data, notice.len,
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    pyw_bytes_free(&notice);
    PYW_LOG(pyw_log_request, relay->r, BODY_FAILED, strerror(-error));
    if (error == -EPIPE) {
        return client_gone(relay);
    }
    return fail(relay, relay->body.status != OK ? relay->body.status
                                                : HTTP_INTERNAL_SERVER_ERROR);
}

/* Moves body from the client to the daemon until one of them would block. */
static enum step push_body(struct relay *relay)
{
    struct pyw_outbox *outbox = &relay->channel->outbox;

    while (pyw_outbox_is_empty(outbox) && may_read_body(relay)) {
        struct iovec piece;
        size_t start;
        ssize_t added;
        int rv;

        if (relay->is_answered) {
            pyw_bytes_clear(&relay->writer);
        }
        start = relay->writer.len;
        added = append_body(relay);
        if (added < 0) {
            return body_failed(relay, (int)added);
        }
        relay->is_client_slow = added == 0;
        if (added == 0) {
            return STEP_GO_ON;
        }
        relay->client_deadline_ms =
            pyw_clock_now_ms() + apr_time_as_msec(relay->r->server->timeout);
        piece.iov_base = relay->writer.data + start;
        piece.iov_len = (size_t)added;
        rv = pyw_outbox_send(outbox, &piece, 1, -1);
        if (rv != 0 && rv != -EAGAIN) {
            /* It closed its side; what it still had to say is read first. */
            relay->wants_body = false;
            return STEP_GO_ON;
        }
        note_progress(relay);
    }
    return STEP_GO_ON;
}

static void pack_hello(struct relay *relay)
{
    struct pyw_hello hello = {.version_low = PYW_FRAME_VERSION,
                              .version_high = PYW_FRAME_VERSION};
    struct pyw_writer writer;

    memcpy(hello.secret, relay->group->setup.secret, sizeof(hello.secret));
    pyw_bytes_init(&writer);
    pyw_frame_put_hello(&writer, &hello);
    if (!writer.failed) {
        memcpy(relay->hello, writer.data, sizeof(relay->hello));
    }
    pyw_bytes_free(&writer);
}

/* Sends the head, and what there is of the body, to the channel just acquired. */
static enum step send_request(struct relay *relay)
{
    struct iovec pieces[2];
    size_t count = 0;
    int rv;

    if (may_read_body(relay) && append_body(relay) < 0 && relay->body.error != 0) {
        return body_failed(relay, relay->body.error);
    }
    if (relay->channel->is_new) {
        pack_hello(relay);
        pieces[count++] = (struct iovec){relay->hello, sizeof(relay->hello)};
    }
    pieces[count++] = (struct iovec){relay->writer.data, relay->writer.len};
    rv = pyw_outbox_send(&relay->channel->outbox, pieces, count, -1);
    return rv == 0 || rv == -EAGAIN ? STEP_GO_ON : lost(relay, rv);
}

/* --- response, from the daemon
 * --------------------------------------------------------------- */

static enum step take_head(struct relay *relay, struct pyw_span payload)
{
    struct pyw_header headers[256];
    struct pyw_reply_head head;
    const char *why = NULL;

    if (pyw_head_get_reply(payload, headers, sizeof(headers) / sizeof(headers[0]),
                           &head) != 0) {
        return broken(relay,
                      "its response head is malformed or has more than 256 headers");
    }
    if (pyw_reply_set_head(&relay->reply, &head, &why) != 0) {
        return broken(relay, why);
    }
    return STEP_GO_ON;
}

static enum step take_file(struct relay *relay, struct pyw_span payload)
{
    struct pyw_file_range range;
    int fd = pyw_inbox_take_file(&relay->channel->inbox);

    if (fd < 0) {
        return broken(relay, "a FILE frame came without a descriptor");
    }
    if (pyw_frame_get_file(payload, &range) != 0) {
        close(fd);
        return broken(relay, "a FILE frame is malformed");
    }
    if (pyw_reply_add_file(&relay->reply, fd, range.offset, range.length) != 0) {
        return broken(
            relay,
            "a FILE frame names no stretch of a regular file, or comes too early or is too long");
    }
    return STEP_GO_ON;
}

static enum step take_refuse(struct relay *relay, struct pyw_span payload)
{
    uint8_t reason;

    if (pyw_frame_get_reason(payload, &reason) != 0 || relay->is_answered) {
        return broken(relay, "a REFUSE came at the wrong time");
    }
    if (reason == PYW_REFUSE_PROTOCOL) {
        return broken(
            relay,
            "it speaks another version of the protocol: install the same mod_pywsgi in Apache and in the "
            "application's environment");
    }
    return STEP_RETRY;
}

static enum step take_log(struct relay *relay, struct pyw_span payload)
{
    enum pyw_level level;
    struct pyw_span text;

    if (pyw_frame_get_log(payload, &level, &text) != 0) {
        return broken(relay, "a LOG frame is malformed");
    }
    pyw_log_request_text(relay->r, level, text.data, text.len);
    return STEP_GO_ON;
}

static enum step take_end(struct relay *relay, struct pyw_span payload)
{
    struct pyw_end end;

    if (pyw_frame_get_end(payload, &end) != 0) {
        return broken(relay, "an END frame is malformed");
    }
    if (end.outcome == PYW_OUTCOME_OK && !relay->reply.has_head) {
        return broken(relay, "it ended the request without a response");
    }
    relay->is_reusable = end.outcome != PYW_OUTCOME_TIMEOUT;
    return done(relay, pyw_reply_end(&relay->reply, (enum pyw_outcome)end.outcome));
}

static enum step take_hello(struct relay *relay, struct pyw_span payload)
{
    struct pyw_hello hello;

    if (!relay->channel->is_new || pyw_frame_get_hello(payload, &hello) != 0 ||
        !pyw_frame_is_secret(hello.secret, relay->group->setup.secret)) {
        return broken(
            relay, "its HELLO is malformed, late, or without the secret of the group");
    }
    relay->channel->is_new = false;
    return STEP_GO_ON;
}

static enum step take_inform(struct relay *relay, struct pyw_span payload)
{
    struct pyw_header headers[1];
    struct pyw_reply_head head;

    if (pyw_head_get_reply(payload, headers, 1, &head) != 0 ||
        head.status != HTTP_CONTINUE) {
        return broken(relay, "an interim response is not 100 Continue");
    }
    relay->wants_body = true;
    relay->client_deadline_ms =
        pyw_clock_now_ms() + apr_time_as_msec(relay->r->server->timeout);
    return STEP_GO_ON;
}

static enum step take_data(struct relay *relay, struct pyw_span payload)
{
    if (pyw_reply_add_data(&relay->reply, payload.data, payload.len) != 0) {
        return broken(relay,
                      "it sent body before a head, or more than its Content-Length");
    }
    return STEP_GO_ON;
}

static enum step take_frame(struct relay *relay, const struct pyw_frame *frame,
                            struct pyw_span payload)
{
    if (relay->channel->is_new && frame->type != PYW_FRAME_HELLO) {
        return broken(relay, "its first frame is no HELLO");
    }
    switch (frame->type) {
    case PYW_FRAME_HELLO:
        return take_hello(relay, payload); /* says nothing of the request */
    case PYW_FRAME_REFUSE:
        return take_refuse(relay, payload);
    case PYW_FRAME_LOG:
        relay->is_answered = true;
        return take_log(relay, payload);
    default:
        relay->is_answered = true;
        break;
    }
    switch (frame->type) {
    case PYW_FRAME_INFORM:
        return take_inform(relay, payload);
    case PYW_FRAME_HEAD:
        return take_head(relay, payload);
    case PYW_FRAME_DATA:
        return take_data(relay, payload);
    case PYW_FRAME_FILE:
        return take_file(relay, payload);
    case PYW_FRAME_END:
        return take_end(relay, payload);
    default: /* ADMIT: that it came is all it says */
        return STEP_GO_ON;
    }
}

/* Handles every whole frame that has come, then passes on what they held. */
static enum step take_frames(struct relay *relay)
{
    struct pyw_frame frame;
    struct pyw_span payload;
    enum step step = STEP_GO_ON;
    int rv = 0;

    while (step == STEP_GO_ON &&
           (rv = pyw_inbox_next(&relay->channel->inbox, &frame, &payload)) == 1) {
        step = take_frame(relay, &frame, payload);
    }
    if (step == STEP_GO_ON && rv < 0) {
        return broken(relay, "it sent something that is no frame");
    }
    if (step == STEP_GO_ON && pyw_reply_has_unpushed(&relay->reply)) {
        if (pyw_reply_push(&relay->reply, true) != 0) {
            return client_gone(relay);
        }
        note_progress(relay);
    }
    return step;
}

/* --- the loop
 * -------------------------------------------------------------------------------- */

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
    int look = client_fd >= 0 ? CLIENT_LOOK_MS : STREAM_LOOK_MS;

    return awaits_client(relay) && limit > look ? look : limit;
}

static enum step timed_out(struct relay *relay)
{
    if (awaits_client(relay)) {
        if (pyw_clock_until(relay->client_deadline_ms) > 0) {
            return STEP_GO_ON;
        }
        relay->body.status = HTTP_REQUEST_TIME_OUT;
        return body_failed(relay, -ETIMEDOUT);
    }
    if (pyw_clock_until(relay->deadline_ms) > 0) {
        return STEP_GO_ON;
    }
    PYW_LOG(pyw_log_request, relay->r, SOCKET_TIMEOUT, relay->channel->process.pid,
            relay->group->name, (long long)(socket_timeout_ms(relay) / 1000));
    return fail(relay, HTTP_GATEWAY_TIME_OUT);
}

static enum step receive(struct relay *relay, int flags)
{
    ssize_t got = pyw_inbox_fill(&relay->channel->inbox, flags);

    if (got == -EAGAIN) {
        return STEP_GO_ON;
    }
    if (got <= 0) {
        return lost(relay, (int)got);
    }
    note_progress(relay);
    return take_frames(relay);
}

/* Waits for the daemon, and for the client where that can move things on. */
static enum step wait_and_move(struct relay *relay)
{
    struct pyw_channel *channel = relay->channel;
    struct pollfd fds[2];
    int client_fd = client_socket(relay->r);
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
        return fail(relay, HTTP_INTERNAL_SERVER_ERROR);
    }
    if (ready == 0) {
        return timed_out(relay);
    }
    if ((fds[0].revents & POLLOUT) != 0) {
        int rv = pyw_outbox_continue(&channel->outbox);

        if (rv != 0 && rv != -EAGAIN) {
            relay->wants_body = false;
        }
        note_progress(relay);
    }
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        return receive(relay, MSG_DONTWAIT);
    }
    if ((fds[1].revents & (POLLERR | POLLHUP)) != 0) {
        relay->r->connection->aborted = 1;
        return body_failed(relay, -EPIPE);
    }
    return STEP_GO_ON;
}

/* Nothing left to send and one side to listen to: recv() does the waiting. */
static bool may_just_receive(const struct relay *relay)
{
    return pyw_outbox_is_empty(&relay->channel->outbox) &&
           (relay->has_sent_end || !relay->wants_body);
}

static enum step exchange(struct relay *relay)
{
    enum step step = send_request(relay);

    note_progress(relay);
    relay->client_deadline_ms =
        pyw_clock_now_ms() + apr_time_as_msec(relay->r->server->timeout);
    if (step == STEP_GO_ON && may_just_receive(relay)) {
        step = receive(relay, 0);
    }
    while (step == STEP_GO_ON) {
        step = push_body(relay);
        if (step == STEP_GO_ON) {
            step = wait_and_move(relay);
        }
    }
    return step;
}

/* --- one try after another
 * ------------------------------------------------------------------- */

static void give_back(struct relay *relay, enum step step)
{
    struct pyw_channel *channel = relay->channel;
    bool is_clean = step == STEP_DONE && relay->has_sent_end && !channel->is_new &&
                    relay->is_reusable && pyw_inbox_is_empty(&channel->inbox) &&
                    pyw_outbox_is_empty(&channel->outbox);

    relay->channel = NULL;
    if (is_clean) {
        pyw_pool_release(relay->pool, channel);
    } else {
        pyw_pool_discard(relay->pool, channel);
    }
}

static int no_process(struct relay *relay, int error)
{
    const struct pyw_group *group = relay->group;

    if (error == -ECONNREFUSED) {
        PYW_LOG(pyw_log_request, relay->r, GROUP_DOWN, group->name);
    } else if (error == -ETIMEDOUT) {
        PYW_LOG(pyw_log_request, relay->r, GROUP_BUSY, group->name,
                (long long)group->setup.options.connect_timeout_s);
    } else {
        PYW_LOG(pyw_log_request, relay->r, CONNECT_FAILED, group->name,
                strerror(-error));
    }
    return HTTP_SERVICE_UNAVAILABLE;
}

static int try_all(struct relay *relay)
{
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_patience patience = {
        .connect_ms = now_ms + relay->group->setup.options.connect_timeout_s * 1000,
        .start_ms = now_ms + socket_timeout_ms(relay),
    };

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        uint32_t seen = pyw_table_seen(relay->group->table);
        enum step step;
        int rv = pyw_pool_acquire(relay->pool, &patience, &relay->channel);

        if (rv != 0) {
            return no_process(relay, rv);
        }
        step = exchange(relay);
        give_back(relay, step);
        if (step == STEP_DONE) {
            return relay->result;
        }
        pyw_table_wait(relay->group->table, seen, REFUSED_WAIT_MS);
    }
    return no_process(relay, -ETIMEDOUT);
}

int pyw_relay_run(request_rec *r, struct pyw_pool *pool, struct pyw_request_head *head,
                  bool has_body)
{
    struct relay relay = {
        .r = r, .pool = pool, .group = pyw_pool_group(pool), .head = head};
    int result;

    head->queued_us = pyw_clock_epoch_us();
    relay.has_sent_end = !has_body;
    relay.wants_body = (head->flags & PYW_REQUEST_EXPECT) == 0;
    pyw_client_body_init(&relay.body, r, has_body);
    pyw_reply_init(&relay.reply, r);
    pyw_bytes_init(&relay.writer);
    pyw_head_put_request(&relay.writer, head);
    if (relay.writer.failed) {
        PYW_LOG(pyw_log_request, r, HEAD_TOO_LARGE);
        result = HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    } else {
        result = try_all(&relay);
    }
    pyw_bytes_free(&relay.writer);
    return result;
}
