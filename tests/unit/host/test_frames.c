/* The exchange over frames, one thread, over a socketpair: every operation, and the
 * ways to end early. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/frames.h"
#include "host/poller.h"
#include "peer.h"
#include "suite.h"

static struct pyw_setup setup;
static struct pyw_host host;
static struct pyw_channel channel;
static struct pyw_frames frames;
static struct peer peer;
static struct pyw_exchange *x;

static void open_all(void)
{
    struct pyw_table *table;
    int table_fd;
    int ends[2];

    setup.group = "test";
    pyw_options_init(&setup.options);
    ck_assert_int_eq(pyw_table_create(1, 1, &table, &table_fd), 0);
    ck_assert_int_eq(pyw_host_init(&host, &setup, table), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pyw_channel_init(&channel, 0);
    pyw_channel_open(&channel, ends[0]);
    channel.stage = PYW_STAGE_REQUEST;
    peer_open(&peer, ends[1]);
    ck_assert_int_eq(pyw_frames_init(&frames, &host), 0);
    x = &frames.exchange;
}

/* The peer sends a request, the exchange begins. */
static void begin(uint16_t flags)
{
    struct pyw_frame frame;
    struct pyw_span payload;

    peer_send_request(&peer, flags, "/page?x");
    ck_assert_int_gt(pyw_inbox_fill(&channel.inbox, 0), 0);
    ck_assert_int_eq(pyw_inbox_next(&channel.inbox, &frame, &payload), 1);
    ck_assert_int_eq(pyw_frames_parse(&frames, &frame, payload), 0);
    pyw_table_begin_request(host.table, 0);
    pyw_frames_begin(&frames, &channel);
}

static int send_part(const struct pyw_reply_head *head, const char *body, size_t len,
                     bool is_last)
{
    struct pyw_part part = {head, {body, len}, is_last};

    return x->ops->send(x, &part);
}

static const struct pyw_reply_head ok = {200, PYW_SPAN("OK"), -1, 0, NULL};

START_TEST(a_small_response_leaves_with_its_end)
{
    open_all();
    begin(0);
    ck_assert(
        pyw_bytes_is_equal(pyw_head_value(&frames.head, "REQUEST_URI"), "/page?x"));
    ck_assert_int_eq(send_part(&ok, "hello", 5, true), 0);
    peer_expect_nothing(&peer); /* not before the worker is out of Python */
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 0);
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect(&peer, PYW_FRAME_HEAD);
    peer_expect(&peer, PYW_FRAME_DATA);
    ck_assert(pyw_bytes_is_equal(peer.payload, "hello"));
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
    ck_assert_int_eq(channel.stage, PYW_STAGE_REQUEST);
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 0);
    ck_assert_uint_eq(pyw_table_served(host.table, 0), 1);
}
END_TEST

START_TEST(a_log_entry_between_last_piece_and_end)
{
    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, "hello", 5, true), 0);
    x->ops->log(x, PYW_LEVEL_INFO, "words", 5);
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect(&peer, PYW_FRAME_HEAD);
    peer_expect(&peer, PYW_FRAME_DATA);
    peer_expect(&peer, PYW_FRAME_LOG);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
}
END_TEST

START_TEST(pieces_leave_as_they_come)
{
    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, "", 0, false), 0);
    peer_expect(&peer, PYW_FRAME_HEAD);
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 1);
    ck_assert_int_eq(send_part(NULL, "", 0, false), 0);
    peer_expect_nothing(&peer);
    ck_assert_int_eq(send_part(NULL, "one", 3, false), 0);
    peer_expect(&peer, PYW_FRAME_DATA);
    ck_assert(pyw_bytes_is_equal(peer.payload, "one"));
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 1);
    ck_assert_int_eq(x->ops->flush(x), 0);
    x->ops->end(x, PYW_OUTCOME_SHORT);
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 0);
    peer_expect_end(&peer, PYW_OUTCOME_SHORT);
    ck_assert(pyw_frames_finish(&frames));
}
END_TEST

/* Receives DATA frames until `len` bytes are there, and compares them. */
static void expect_body(const char *body, size_t len)
{
    for (size_t at = 0; at < len; at += peer.payload.len) {
        peer_expect(&peer, PYW_FRAME_DATA);
        ck_assert_uint_le(peer.payload.len, len - at);
        ck_assert_mem_eq(peer.payload.data, body + at, peer.payload.len);
    }
}

static void *take_large(void *body)
{
    peer_expect(&peer, PYW_FRAME_HEAD);
    expect_body(body, 1000000);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    return NULL;
}

START_TEST(more_than_the_socket_takes)
{
    char *body = malloc(1000000);
    pthread_t taker;

    for (size_t i = 0; i < 1000000; i++) {
        body[i] = (char)(i % 253);
    }
    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, body, 1000000, true), -EAGAIN);
    pthread_create(&taker, NULL, take_large, body);
    ck_assert_int_eq(x->ops->finish_send(x), 0);
    x->ops->end(x, PYW_OUTCOME_OK);
    pthread_join(taker, NULL);
    ck_assert(pyw_frames_finish(&frames));
    free(body);
}
END_TEST

/* Takes all frames; @return how many bytes of body, or NULL without an END behind them.
 */
static void *take_to_the_end(void *total)
{
    size_t *sum = total;

    while (peer_receive(&peer) == PYW_FRAME_DATA || peer.frame.type == PYW_FRAME_HEAD) {
        *sum += peer.frame.type == PYW_FRAME_DATA ? peer.payload.len : 0;
    }
    return peer.frame.type == PYW_FRAME_END ? total : NULL;
}

START_TEST(a_client_that_leaves_while_a_piece_is_sent)
{
    char *body = calloc(1, 4000000);
    size_t sum = 0;
    pthread_t taker;
    void *has_end;

    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, body, 4000000, true), -EAGAIN);
    peer_send_abort(&peer, PYW_ABORT_CLIENT_GONE);
    pthread_create(&taker, NULL, take_to_the_end, &sum);
    /* What is under way is finished, the rest is not sent. */
    ck_assert_int_eq(x->ops->finish_send(x), -EPIPE);
    ck_assert(x->ops->is_aborted(x));
    x->ops->end(x, PYW_OUTCOME_GONE);
    pthread_join(taker, &has_end);
    ck_assert_ptr_nonnull(has_end);
    ck_assert_uint_lt(sum, 4000000);
    ck_assert(pyw_frames_finish(&frames)); /* there was no body: the channel is whole */
    free(body);
}
END_TEST

START_TEST(a_child_that_dies)
{
    open_all();
    begin(0);
    peer_close(&peer);
    ck_assert_int_eq(send_part(&ok, "x", 1, false), -EPIPE);
    ck_assert_int_eq(send_part(NULL, "x", 1, false), -EPIPE);
    ck_assert(x->ops->is_aborted(x));
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 1);
    x->ops->end(x, PYW_OUTCOME_GONE);
    ck_assert(!pyw_frames_finish(&frames));
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
}
END_TEST

START_TEST(a_head_that_is_too_large)
{
    char *value = calloc(1, 2000000);
    struct pyw_header header = {PYW_SPAN("X-Large"), {value, 2000000}};
    struct pyw_reply_head head = {200, PYW_SPAN(""), -1, 1, &header};

    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&head, "x", 1, false), -E2BIG);
    x->ops->end(x, PYW_OUTCOME_ERROR);
    peer_expect_end(&peer, PYW_OUTCOME_ERROR);
    ck_assert(pyw_frames_finish(&frames));
    free(value);
}
END_TEST

START_TEST(a_file_goes_with_its_head)
{
    struct pyw_file_part part = {&ok, STDIN_FILENO, 7, 11};
    struct pyw_file_range range;
    int file;

    open_all();
    begin(0);
    ck_assert_int_eq(x->ops->send_file(x, &part), 0);
    peer_expect(&peer, PYW_FRAME_HEAD);
    peer_expect(&peer, PYW_FRAME_FILE);
    ck_assert_int_eq(pyw_frame_get_file(peer.payload, &range), 0);
    ck_assert_uint_eq(range.offset, 7);
    ck_assert_uint_eq(range.length, 11);
    file = pyw_inbox_take_file(&peer.inbox);
    ck_assert_int_ge(file, 0);
    close(file);
    part = (struct pyw_file_part){NULL, STDIN_FILENO, 0, 0};
    ck_assert_int_eq(x->ops->send_file(x, &part), 0);
    peer_expect_nothing(&peer);
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
}
END_TEST

/* --- the body --- */

static ssize_t read_body(char *buffer, size_t len, bool may_block)
{
    return x->ops->read_body(x, buffer, len, may_block);
}

START_TEST(a_body_in_frames)
{
    char got[16] = "";

    open_all();
    begin(PYW_REQUEST_HAS_BODY);
    ck_assert_int_eq(read_body(got, 4, false), -EAGAIN);
    peer_send(&peer, PYW_FRAME_BODY, 0, "abcdef", 6);
    peer_send(&peer, PYW_FRAME_BODY, 0, "", 0);
    peer_send(&peer, PYW_FRAME_BODY, 0, "ghi", 3);
    ck_assert_int_eq(read_body(got, 4, false), 4);
    ck_assert_int_eq(read_body(got + 4, 0, true), 0);
    ck_assert_int_eq(read_body(got + 4, 10, true), 5);
    ck_assert_str_eq(got, "abcdefghi");
    ck_assert_int_eq(read_body(got, 4, false), -EAGAIN);
    peer_send(&peer, PYW_FRAME_BODY_END, 0, NULL, 0);
    ck_assert_int_eq(read_body(got, 4, true), 0);
    ck_assert_int_eq(read_body(got, 4, true), 0);
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
    ck_assert_int_eq(channel.stage, PYW_STAGE_REQUEST);
}
END_TEST

START_TEST(a_body_that_nobody_reads)
{
    open_all();
    begin(PYW_REQUEST_HAS_BODY);
    peer_send(&peer, PYW_FRAME_BODY, 0, "abc", 3);
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
    ck_assert_int_eq(channel.stage, PYW_STAGE_SKIP);
    ck_assert_int_eq(read_body(NULL, 1, true), -ECANCELED);
}
END_TEST

START_TEST(the_first_wait_asks_for_the_body)
{
    struct pyw_header headers[4];
    struct pyw_reply_head head;
    char got[8];

    open_all();
    begin(PYW_REQUEST_HAS_BODY | PYW_REQUEST_EXPECT);
    ck_assert_int_eq(read_body(got, 4, false), -EAGAIN);
    peer_expect_nothing(&peer);
    shutdown(peer.fd, SHUT_WR); /* so that the second wait ends */
    ck_assert_int_eq(read_body(got, 4, true), -EPIPE);
    x->ops->end(x, PYW_OUTCOME_GONE);
    ck_assert(!pyw_frames_finish(&frames));

    open_all();
    begin(PYW_REQUEST_HAS_BODY | PYW_REQUEST_EXPECT);
    ck_assert_int_eq(pyw_intake_receive(&frames.intake, false), -EAGAIN);
    alarm(5);
    if (fork() == 0) {
        usleep(50000);
        peer_send(&peer, PYW_FRAME_BODY, 0, "abc", 3);
        _exit(0);
    }
    ck_assert_int_eq(read_body(got, 4, true), 3);
    peer_expect(&peer, PYW_FRAME_INFORM);
    ck_assert_int_eq(pyw_head_get_reply(peer.payload, headers, 4, &head), 0);
    ck_assert_uint_eq(head.status, 100);
}
END_TEST

START_TEST(hints_go_before_the_head)
{
    const struct pyw_header hint = {PYW_SPAN("Link"), PYW_SPAN("</a>")};
    const struct pyw_reply_head early = {
        .status = 103, .content_length = -1, .header_count = 1, .headers = &hint};
    struct pyw_header headers[4];
    struct pyw_reply_head head;

    open_all();
    begin(0);
    ck_assert_int_eq(x->ops->inform(x, &early), 0);
    peer_expect(&peer, PYW_FRAME_INFORM);
    ck_assert_int_eq(pyw_head_get_reply(peer.payload, headers, 4, &head), 0);
    ck_assert_uint_eq(head.status, 103);
    ck_assert_uint_eq(head.header_count, 1);
    ck_assert(pyw_bytes_is_equal(headers[0].value, "</a>"));
    x->ops->end(x, PYW_OUTCOME_ERROR);
    ck_assert_int_eq(x->ops->inform(x, &early), -ECANCELED);
}
END_TEST

START_TEST(aborts)
{
    static const struct {
        enum pyw_abort reason;
        int error;
    } rows[] = {{PYW_ABORT_CLIENT_GONE, -EPIPE},
                {PYW_ABORT_TIMEOUT, -ETIMEDOUT},
                {PYW_ABORT_TOO_LARGE, -EFBIG},
                {PYW_ABORT_BAD_BODY, -EBADMSG}};
    char got[8];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_gone = rows[i].reason == PYW_ABORT_CLIENT_GONE;

        open_all();
        begin(PYW_REQUEST_HAS_BODY);
        peer_send(&peer, PYW_FRAME_BODY, 0, "abc", 3);
        peer_send_abort(&peer, rows[i].reason);
        ck_assert_int_eq(read_body(got, 8, true), 3);
        ck_assert_int_eq(read_body(got, 8, true), rows[i].error);
        ck_assert_int_eq(read_body(got, 8, true), rows[i].error);
        /* An answer can still be given, unless nobody is there. */
        ck_assert_int_eq(send_part(&ok, "sorry", 5, true), is_gone ? -EPIPE : 0);
        x->ops->end(x, is_gone ? PYW_OUTCOME_GONE : PYW_OUTCOME_OK);
        if (!is_gone) {
            peer_expect(&peer, PYW_FRAME_HEAD);
            peer_expect(&peer, PYW_FRAME_DATA);
        }
        peer_expect_end(&peer, is_gone ? PYW_OUTCOME_GONE : PYW_OUTCOME_OK);
        ck_assert(!pyw_frames_finish(&frames)); /* no BODY_END: closed */
    }
}
END_TEST

START_TEST(an_abort_is_seen_behind_a_body_that_nobody_reads)
{
    open_all();
    begin(PYW_REQUEST_HAS_BODY);
    ck_assert(!x->ops->is_aborted(x));
    peer_send(&peer, PYW_FRAME_BODY, 0, "abc", 3);
    peer_send(&peer, PYW_FRAME_BODY_END, 0, NULL, 0);
    peer_send_abort(&peer, PYW_ABORT_CLIENT_GONE);
    usleep(30000);
    ck_assert(x->ops->is_aborted(x));
    ck_assert_int_eq(send_part(&ok, "x", 1, false), -EPIPE);
    x->ops->end(x, PYW_OUTCOME_GONE);
    peer_expect_end(&peer, PYW_OUTCOME_GONE);
    (void)pyw_frames_finish(&frames);
}
END_TEST

START_TEST(nonsense_in_the_body)
{
    char got[8];

    open_all();
    begin(PYW_REQUEST_HAS_BODY);
    peer_send_request(&peer, 0, "/smuggled");
    ck_assert_int_eq(read_body(got, 8, true), -EPIPE);
    x->ops->end(x, PYW_OUTCOME_GONE);
    ck_assert(!pyw_frames_finish(&frames));
}
END_TEST

/* --- the end from the outside --- */

static size_t describe(const struct pyw_frames *running, char *text, size_t size)
{
    struct pyw_span uri = pyw_head_value(&running->head, "REQUEST_URI");

    return (size_t)snprintf(text, size, "cut %.*s", (int)uri.len, uri.data);
}

static const struct pyw_cut cut = {PYW_OUTCOME_TIMEOUT, INT64_MAX, describe};

START_TEST(cut_before_the_head)
{
    char got[8];

    open_all();
    ck_assert(!pyw_frames_cut(&channel, &cut));
    begin(PYW_REQUEST_HAS_BODY);
    ck_assert(pyw_frames_cut(&channel, &cut));
    ck_assert(!pyw_frames_cut(&channel, &cut));
    ck_assert_uint_eq(atomic_load(&host.stuck), 1);
    ck_assert_int_eq(send_part(&ok, "x", 1, false), -ECANCELED);
    ck_assert_int_eq(read_body(got, 8, true), -ECANCELED);
    x->ops->log(x, PYW_LEVEL_ERR, "to the process log", 18);
    x->ops->end(x, PYW_OUTCOME_ERROR);
    ck_assert(!pyw_frames_finish(&frames));
    ck_assert_uint_eq(pyw_table_answering(host.table, 0), 0);
    ck_assert_uint_eq(atomic_load(&host.stuck), 0);
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
    peer_expect(&peer, PYW_FRAME_LOG);
    ck_assert_mem_eq(peer.payload.data + 1, "cut /page?x", 11);
    peer_expect_end(&peer, PYW_OUTCOME_TIMEOUT);
    ck_assert_int_eq(peer_receive(&peer), 0);
}
END_TEST

START_TEST(cut_with_the_last_piece_held)
{
    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, "hello", 5, true), 0);
    ck_assert(pyw_frames_cut(&channel, &cut));
    x->ops->end(x, PYW_OUTCOME_OK);
    ck_assert(!pyw_frames_finish(&frames));
    peer_expect(&peer, PYW_FRAME_LOG);
    peer_expect_end(&peer, PYW_OUTCOME_TIMEOUT);
    ck_assert_int_eq(peer_receive(&peer), 0);
}
END_TEST

START_TEST(cut_in_the_middle_of_a_frame)
{
    char *body = calloc(1, 4000000);

    open_all();
    begin(0);
    ck_assert_int_eq(send_part(&ok, body, 4000000, true), -EAGAIN);
    ck_assert(pyw_frames_cut(&channel, &cut));
    ck_assert_int_eq(x->ops->finish_send(x), -ECANCELED);
    x->ops->end(x, PYW_OUTCOME_OK);
    ck_assert(!pyw_frames_finish(&frames));
    peer_expect(&peer, PYW_FRAME_HEAD);
    while (peer_receive(&peer) == PYW_FRAME_DATA) {
    }
    ck_assert_int_ne(peer.frame.type, PYW_FRAME_END);
    free(body);
}
END_TEST

START_TEST(a_request_that_began_later_is_spared)
{
    struct pyw_cut earlier = cut;

    open_all();
    earlier.begun_before_us = pyw_clock_now_us() - 1;
    begin(0);
    ck_assert(!pyw_frames_cut(&channel, &earlier));
    x->ops->end(x, PYW_OUTCOME_OK);
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    ck_assert(pyw_frames_finish(&frames));
}
END_TEST

START_TEST(nothing_works_after_the_end)
{
    struct pyw_file_part file = {NULL, STDIN_FILENO, 0, 1};
    char got[8];

    open_all();
    begin(PYW_REQUEST_HAS_BODY);
    x->ops->end(x, PYW_OUTCOME_OK);
    x->ops->end(x, PYW_OUTCOME_ERROR);
    ck_assert_int_eq(send_part(&ok, "x", 1, false), -ECANCELED);
    ck_assert_int_eq(x->ops->send_file(x, &file), -ECANCELED);
    ck_assert_int_eq(read_body(got, 8, true), -ECANCELED);
    ck_assert(x->ops->is_aborted(x));
    peer_expect_end(&peer, PYW_OUTCOME_OK);
    peer_expect_nothing(&peer);
    (void)pyw_frames_finish(&frames);
}
END_TEST

START_TEST(an_end_that_was_forgotten)
{
    open_all();
    begin(0);
    ck_assert(pyw_frames_finish(&frames));
    peer_expect_end(&peer, PYW_OUTCOME_ERROR);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_small_response_leaves_with_its_end,
                                  a_log_entry_between_last_piece_and_end,
                                  pieces_leave_as_they_come,
                                  more_than_the_socket_takes,
                                  a_client_that_leaves_while_a_piece_is_sent,
                                  a_child_that_dies,
                                  a_head_that_is_too_large,
                                  a_file_goes_with_its_head,
                                  a_body_in_frames,
                                  a_body_that_nobody_reads,
                                  hints_go_before_the_head,
                                  the_first_wait_asks_for_the_body,
                                  aborts,
                                  an_abort_is_seen_behind_a_body_that_nobody_reads,
                                  nonsense_in_the_body,
                                  cut_before_the_head,
                                  cut_with_the_last_piece_held,
                                  cut_in_the_middle_of_a_frame,
                                  a_request_that_began_later_is_spared,
                                  nothing_works_after_the_end,
                                  an_end_that_was_forgotten,
                                  NULL};

    return suite_run("frames", tests);
}
