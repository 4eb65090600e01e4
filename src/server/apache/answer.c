#include "apache/answer.h"

#include <errno.h>
#include <http_protocol.h>
#include <unistd.h>

#include "apache/entry.h"
#include "apache/log.h"
#include "base/clock.h"

/* Most responses have fewer headers; more are read into the request's pool. */
#define HEADERS_FEW 64
/* Each holds a descriptor of this child until the response is out; an application has
 * one file to send. */
#define FILES_MAX 16
/* Of a header's name in the log. */
#define SHOWN_MAX 100

void pyw_answer_init(struct pyw_answer *answer, request_rec *r,
                     const struct pyw_group *group, bool wants_body)
{
    memset(answer, 0, sizeof(*answer));
    answer->r = r;
    answer->group = group;
    answer->wants_body = wants_body;
    pyw_reply_init(&answer->reply, r);
}

void pyw_answer_begin(struct pyw_answer *answer, struct pyw_channel *channel)
{
    answer->channel = channel;
    answer->is_refused = false;
    answer->keeps_channel = false;
    answer->flush_at_ms = PYW_CLOCK_NEVER;
}

void pyw_answer_leave_queue(struct pyw_answer *answer)
{
    if (answer->queue != NULL) {
        pyw_pool_leave(answer->queue);
        answer->queue = NULL;
    }
}

static void note_begun(struct pyw_answer *answer)
{
    answer->has_begun = true;
    pyw_answer_leave_queue(answer);
}

static enum pyw_step done(struct pyw_answer *answer, int result)
{
    answer->result = result;
    return PYW_STEP_DONE;
}

/* All ends of the request: what the client has not taken yet goes before. */
static int end_outflow(struct pyw_answer *answer)
{
    int rv = pyw_outflow_end(answer->outflow);

    answer->outflow = NULL;
    return rv;
}

enum pyw_step pyw_answer_fail(struct pyw_answer *answer, int status)
{
    (void)end_outflow(answer);
    return done(answer, pyw_reply_fail(&answer->reply, status));
}

enum pyw_step pyw_answer_client_gone(struct pyw_answer *answer)
{
    answer->r->connection->aborted = 1;
    (void)end_outflow(answer);
    return done(answer, pyw_reply_end(&answer->reply, PYW_OUTCOME_GONE));
}

/* The daemon broke the protocol: nothing that it says further can be believed. */
static enum pyw_step broken(struct pyw_answer *answer, const char *why)
{
    PYW_LOG(pyw_log_request, answer->r, PROTOCOL_BROKEN, answer->channel->process.pid,
            answer->group->name, why);
    return pyw_answer_fail(answer, HTTP_BAD_GATEWAY);
}

/* header-buffer-size=: the first header line, as HTTP/1 writes it, that is longer. */
static const struct pyw_header *find_long_header(const struct pyw_answer *answer,
                                                 const struct pyw_reply_head *head)
{
    int64_t limit = answer->group->setup.options.header_buffer_size;

    for (size_t i = 0; limit > 0 && i < head->header_count; i++) {
        const struct pyw_header *header = &head->headers[i];

        if (header->name.len + header->value.len + 2 > (size_t)limit) {
            return header;
        }
    }
    return NULL;
}

static enum pyw_step take_head(struct pyw_answer *answer, struct pyw_span payload)
{
    const struct pyw_header *too_long;
    struct pyw_header few[HEADERS_FEW];
    struct pyw_header *headers = few;
    struct pyw_reply_head head;
    const char *why = NULL;
    int rv = pyw_head_get_reply(payload, headers, HEADERS_FEW, &head);

    if (rv == -E2BIG && head.header_count <= PYW_HEAD_MAX_PAIRS) {
        headers = apr_palloc(answer->r->pool, head.header_count * sizeof(*headers));
        rv = pyw_head_get_reply(payload, headers, head.header_count, &head);
    }
    if (rv != 0) {
        return broken(answer, "its response head is malformed or has too many headers");
    }
    too_long = find_long_header(answer, &head);
    if (too_long != NULL) {
        PYW_LOG(pyw_log_request, answer->r, HEADER_TOO_LONG,
                (int)(too_long->name.len < SHOWN_MAX ? too_long->name.len : SHOWN_MAX),
                too_long->name.data, too_long->name.len + too_long->value.len + 2,
                (long long)answer->group->setup.options.header_buffer_size);
        return pyw_answer_fail(answer, HTTP_INTERNAL_SERVER_ERROR);
    }
    if (pyw_reply_set_head(&answer->reply, &head, &why) != 0) {
        return broken(answer, why);
    }
    return PYW_STEP_GO_ON;
}

static enum pyw_step take_file(struct pyw_answer *answer, struct pyw_span payload)
{
    struct pyw_file_range range;
    int fd = pyw_inbox_take_file(&answer->channel->inbox);

    if (fd < 0) {
        return broken(answer, "a FILE frame came without a descriptor");
    }
    if (answer->file_count++ >= FILES_MAX) {
        close(fd);
        return broken(answer, "it sends too many files in one response");
    }
    if (pyw_frame_get_file(payload, &range) != 0) {
        close(fd);
        return broken(answer, "a FILE frame is malformed");
    }
    if (pyw_reply_add_file(&answer->reply, fd, range.offset, range.length) != 0) {
        return broken(
            answer,
            "a FILE frame names no stretch of a regular file, or comes too early or is too long");
    }
    return PYW_STEP_GO_ON;
}

static enum pyw_step take_refuse(struct pyw_answer *answer, struct pyw_span payload)
{
    uint8_t reason;

    if (pyw_frame_get_reason(payload, &reason) != 0 || answer->has_begun) {
        return broken(answer, "a REFUSE came at the wrong time");
    }
    if (reason == PYW_REFUSE_PROTOCOL) {
        return broken(
            answer,
            "it speaks another version of the protocol: install the same mod_pywsgi in Apache and in the "
            "application's environment");
    }
    answer->is_refused = true;
    return PYW_STEP_RETRY;
}

static enum pyw_step take_log(struct pyw_answer *answer, struct pyw_span payload)
{
    enum pyw_level level;
    struct pyw_span text;

    if (pyw_frame_get_log(payload, &level, &text) != 0) {
        return broken(answer, "a LOG frame is malformed");
    }
    pyw_entry_request(answer->r, level, text.data, text.len);
    return PYW_STEP_GO_ON;
}

static enum pyw_step take_end(struct pyw_answer *answer, struct pyw_span payload)
{
    struct pyw_end end;

    if (pyw_frame_get_end(payload, &end) != 0) {
        return broken(answer, "an END frame is malformed");
    }
    if (end.outcome == PYW_OUTCOME_OK && !answer->reply.has_head) {
        return broken(answer, "it ended the request without a response");
    }
    answer->keeps_channel = end.outcome != PYW_OUTCOME_TIMEOUT;
    if (end_outflow(answer) != 0) {
        end.outcome = PYW_OUTCOME_ERROR; /* the client is to see that it is not whole */
    }
    return done(answer, pyw_reply_end(&answer->reply, (enum pyw_outcome)end.outcome));
}

static enum pyw_step take_hello(struct pyw_answer *answer, struct pyw_span payload)
{
    struct pyw_hello hello;

    if (!answer->channel->is_new || pyw_frame_get_hello(payload, &hello) != 0 ||
        !pyw_frame_is_secret(hello.secret, pyw_pool_secret(answer->channel))) {
        return broken(
            answer, "its HELLO is malformed, late, or without the secret of the group");
    }
    answer->channel->is_new = false;
    return PYW_STEP_GO_ON;
}

/* Apache does so itself before a read that waits; ours does not wait. */
static void send_continue(request_rec *r)
{
    int status = r->status;

    r->status = HTTP_CONTINUE;
    ap_send_interim_response(r, 0);
    r->status = status;
    r->status_line = NULL;
}

static enum pyw_step take_inform(struct pyw_answer *answer, struct pyw_span payload)
{
    struct pyw_header headers[PYW_HEAD_MAX_HINT_HEADERS];
    struct pyw_reply_head head;
    const char *why;

    if (pyw_head_get_reply(payload, headers, PYW_HEAD_MAX_HINT_HEADERS, &head) != 0 ||
        (head.status != HTTP_CONTINUE && head.status != PYW_HEAD_EARLY_HINTS) ||
        answer->reply.capture != NULL) {
        return broken(answer,
                      "an interim response is malformed, neither 100 Continue nor "
                      "103 Early Hints, or not wanted");
    }
    if (head.status == PYW_HEAD_EARLY_HINTS) {
        return pyw_reply_inform(&answer->reply, &head, &why) == 0 ? PYW_STEP_GO_ON
                                                                  : broken(answer, why);
    }
    answer->wants_body = true;
    if (!answer->reply.has_head) {
        send_continue(answer->r); /* behind a head it would pass for body */
    }
    return PYW_STEP_GO_ON;
}

static enum pyw_step take_data(struct pyw_answer *answer, struct pyw_span payload)
{
    if (pyw_reply_add_data(&answer->reply, payload.data, payload.len) != 0) {
        return broken(answer,
                      "it sent body before a head, or more than its Content-Length");
    }
    return PYW_STEP_GO_ON;
}

static enum pyw_step take_frame(struct pyw_answer *answer,
                                const struct pyw_frame *frame, struct pyw_span payload)
{
    if (answer->channel->is_new && frame->type != PYW_FRAME_HELLO) {
        return broken(answer, "its first frame is no HELLO");
    }
    switch (frame->type) {
    case PYW_FRAME_HELLO:
        return take_hello(answer, payload); /* says nothing of the request */
    case PYW_FRAME_REFUSE:
        return take_refuse(answer, payload);
    case PYW_FRAME_LOG:
        note_begun(answer);
        return take_log(answer, payload);
    default:
        note_begun(answer);
        break;
    }
    switch (frame->type) {
    case PYW_FRAME_INFORM:
        return take_inform(answer, payload);
    case PYW_FRAME_HEAD:
        return take_head(answer, payload);
    case PYW_FRAME_DATA:
        return take_data(answer, payload);
    case PYW_FRAME_FILE:
        return take_file(answer, payload);
    case PYW_FRAME_END:
        return take_end(answer, payload);
    default: /* ADMIT: that it came is all it says */
        return PYW_STEP_GO_ON;
    }
}

static size_t buffer_size(const struct pyw_answer *answer)
{
    int64_t size = answer->group->setup.options.response_buffer_size;

    return (size_t)(size > 0 ? size : PYW_OPTIONS_RESPONSE_BUFFER);
}

/* Gives Apache's filters what has come, flushed at once, or response-flush-delay= after
 * the first of it or when it has become as much as response-buffer-size=. */
static enum pyw_step pass_on(struct pyw_answer *answer)
{
    int64_t delay_ms = answer->group->setup.options.response_flush_delay_ms;

    if (answer->outflow == NULL) {
        answer->outflow = pyw_outflow_begin(answer->r, buffer_size(answer));
    }
    if (delay_ms == 0 ||
        answer->reply.sent - answer->flushed >= (int64_t)buffer_size(answer)) {
        return pyw_answer_flush(answer);
    }
    if (answer->flush_at_ms == PYW_CLOCK_NEVER) {
        answer->flush_at_ms = pyw_clock_now_ms() + delay_ms;
    }
    return pyw_reply_push(&answer->reply, false) == 0 ? PYW_STEP_GO_ON
                                                      : pyw_answer_client_gone(answer);
}

/* Handles every whole frame that has come, then passes on what they held. */
enum pyw_step pyw_answer_take_frames(struct pyw_answer *answer)
{
    struct pyw_frame frame;
    struct pyw_span payload;
    enum pyw_step step = PYW_STEP_GO_ON;
    int rv = 0;

    while (step == PYW_STEP_GO_ON &&
           (rv = pyw_inbox_next(&answer->channel->inbox, &frame, &payload)) == 1) {
        step = take_frame(answer, &frame, payload);
    }
    if (step == PYW_STEP_GO_ON && rv < 0) {
        return broken(answer, "it sent something that is no frame");
    }
    /* A file that is the whole body waits for its end, as in embedded mode: Apache
     * answers a range only where it sees both. No data, which would not keep, waits
     * with it. */
    if (step == PYW_STEP_GO_ON && !answer->reply.is_file &&
        pyw_reply_has_unpushed(&answer->reply)) {
        return pass_on(answer);
    }
    return step;
}

enum pyw_step pyw_answer_flush(struct pyw_answer *answer)
{
    answer->flush_at_ms = PYW_CLOCK_NEVER;
    answer->flushed = answer->reply.sent;
    return pyw_reply_push(&answer->reply, true) == 0 ? PYW_STEP_GO_ON
                                                     : pyw_answer_client_gone(answer);
}
